/** Where a prepared data set lies: in a folder, or in an object store whose files come into the cache before they are read. */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MANIFEST_FILE, type Manifest, parseManifest, type TokenizerSummary } from '../data/manifest.js';
import { GadoliniumError } from '../errors.js';
import { type Address, addressOf } from './address.js';
import { Cache, type CacheOptions } from './cache.js';
import { Claim } from './claim.js';
import { checkAgain, type DownloadOptions, download, stateOf, touch, UNDER_WAY, type Wanted } from './download.js';
import { retry } from './retry.js';
import { s3 } from './s3.js';
import type { ObjectStore } from './store.js';

/** How far the shards are. */
export interface Brought {
  /** Shards that are wanted, and those that are in the folder; the same in bytes. */
  shards: { wanted: number; here: number };
  bytes: { wanted: number; here: number };
  /** Bytes that this process fetched, and seconds since it began. */
  fetched: number;
  seconds: number;
}

export interface BringOptions extends DownloadOptions {
  /** Shards with rows of these splits; default: all. */
  splits?: readonly string[] | undefined;
  /** Told at the start, at most once a second, and at the end; not at all where nothing was missing. */
  onProgress?: ((brought: Brought) => void) | undefined;
  /** Told of what was put right. */
  onWarning?: ((code: string, message: string) => void) | undefined;
  /** Which of how many processes of this machine bring the same shards: each begins elsewhere. */
  share?: { index: number; of: number };
}

export interface DataSource {
  /** The folder's path, or s3://bucket/prefix. */
  readonly name: string;
  /** What to open, once `bring` has ended: dataset.json and the tokenizer are there from the start. */
  readonly folder: string;
  /** Sees to it that shards are in the folder, and stay until `close`. For a folder at hand there is nothing to do. */
  bring(options?: BringOptions): Promise<void>;
  close(): void;
}

/**
 * Opens a data set by its path or address. Throws `no-dataset` where there is none, `no-sdk`, `no-bucket`, `refused`,
 * `no-credentials` or `no-answer` where the store cannot be read.
 */
export async function openSource(data: string, cache: CacheOptions = {}): Promise<DataSource> {
  const address = addressOf(data);
  if (!address) return new LocalFolder(resolve(data));
  const store = await s3(address);
  try {
    return await RemoteFolder.open(address, store, new Cache(cache));
  } catch (error) {
    store.close();
    throw error;
  }
}

class LocalFolder implements DataSource {
  constructor(readonly folder: string) {}
  get name(): string {
    return this.folder;
  }
  async bring(): Promise<void> {}
  close(): void {}
}

/** dataset.json of a prepared folder in a store: its text and what it says. */
export async function remoteManifest(
  address: Address,
  store: ObjectStore,
): Promise<{ text: string; manifest: Manifest }> {
  const bytes = await retry(() => store.whole(MANIFEST_FILE)).catch((error) => {
    if ((error as GadoliniumError).code !== 'no-object') throw error;
    throw GadoliniumError.expected(
      'no-dataset',
      `a prepared data set (a prefix with ${MANIFEST_FILE})`,
      '--data',
      address.name,
      `make one with gadolinium prepare, and upload the folder: aws s3 sync FOLDER ${address.name}`,
    );
  });
  const text = Buffer.from(bytes).toString('utf8');
  const where = `${address.name}/${MANIFEST_FILE}`;
  const manifest = parseManifest(text, where);
  const files = [...manifest.shards.map(({ file }) => file), manifest.tokenizer?.file ?? 'tokenizer.json'];
  // What a store says is no path on this machine.
  const strange = files.find((file) => !/^[\w-][\w.-]*$/.test(file));
  if (strange !== undefined) throw GadoliniumError.expected('bad-manifest', 'plain names of files', where, strange);
  return { text, manifest };
}

class RemoteFolder implements DataSource {
  readonly #uses: Claim[] = [];

  private constructor(
    readonly name: string,
    readonly folder: string,
    private readonly store: ObjectStore,
    private readonly cache: Cache,
    private readonly manifest: Manifest,
  ) {}

  static async open(address: Address, store: ObjectStore, cache: Cache): Promise<RemoteFolder> {
    const { text, manifest } = await remoteManifest(address, store);
    // By its content: a data set that was uploaded anew is another.
    const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
    const folder = cache.dataset(`${manifest.name.replace(/[^\w.-]/g, '-')}-${hash}`);
    if (manifest.tokenizer) await RemoteFolder.#bringTokenizer(manifest.tokenizer, folder, address, store);
    if (textOf(join(folder, MANIFEST_FILE)) !== text) writeBeside(join(folder, MANIFEST_FILE), text);
    return new RemoteFolder(address.name, folder, store, cache, manifest);
  }

  static async #bringTokenizer(
    { file, sha256 }: TokenizerSummary,
    folder: string,
    address: Address,
    store: ObjectStore,
  ): Promise<void> {
    const path = join(folder, file);
    const isRight = (text: string | undefined) =>
      text !== undefined && createHash('sha256').update(text).digest('hex') === sha256;
    if (isRight(textOf(path))) return;
    const text = Buffer.from(await retry(() => store.whole(file))).toString('utf8');
    if (!isRight(text)) {
      throw GadoliniumError.expected(
        'bad-object',
        `SHA-256 ${sha256}`,
        `${address.name}/${file}`,
        'other bytes',
        'upload the whole prepared folder again',
      );
    }
    writeBeside(path, text);
  }

  async bring(options: BringOptions = {}): Promise<void> {
    const { splits, share = { index: 0, of: 1 } } = options;
    const failed = new AbortController();
    const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
    const wanted = this.manifest.shards
      .filter((shard) => splits === undefined || splits.some((split) => (shard.splits[split] ?? 0) > 0))
      .map(({ file, bytes, sha256 }): Wanted => ({ key: file, source: `${this.name}/${file}`, bytes, sha256 }));
    const files = Object.fromEntries(wanted.map(({ key, bytes }) => [key, bytes]));
    this.#uses.push(await this.cache.use(basename(this.folder), files));

    const progress = new Progress(wanted, options.onProgress);
    const from = Math.floor((wanted.length * share.index) / share.of);
    const waiting = [...wanted.slice(from), ...wanted.slice(0, from)];
    const worker = async () => {
      let inVain = 0;
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        signal.throwIfAborted();
        if (await this.#bringOne(one, { ...options, signal }, progress)) inVain = 0;
        else {
          // Another process is at it: this one looks again after the others.
          waiting.push(one);
          if (++inVain >= waiting.length) await pause(100, undefined, { signal });
        }
      }
    };
    // Two, so that the network does not wait while a hash is taken.
    const workers = [worker(), worker()];
    try {
      await Promise.all(workers);
    } finally {
      failed.abort();
      await Promise.allSettled(workers);
    }
    progress.end();
  }

  /** False where another process is at this shard. */
  async #bringOne(wanted: Wanted, options: BringOptions, progress: Progress): Promise<boolean> {
    const path = join(this.folder, wanted.key);
    if ((await stateOf(path, wanted)) === 'whole') {
      await touch(path, wanted);
      progress.here(wanted);
      return true;
    }
    progress.begin();
    const claim = Claim.take(`${path}.lock`);
    if (!claim) return false;
    try {
      const state = await stateOf(path, wanted); // it may have come just now
      const wrong = state === 'changed' ? await checkAgain(path, wanted) : undefined;
      if (wrong) {
        rmSync(path, { force: true });
        options.onWarning?.(
          'cache-damaged',
          `${this.folder}: ${wrong} instead of ${wanted.sha256}; it is fetched again`,
        );
      }
      if (wrong || state === 'missing') {
        removeParts(path);
        await download(this.store, path, wanted, { ...options, progress: (bytes) => progress.came(bytes) });
        progress.came(-wanted.bytes);
      }
      progress.here(wanted);
      return true;
    } finally {
      claim.release();
    }
  }

  close(): void {
    for (const use of this.#uses.splice(0)) use.release();
    this.store.close();
  }
}

/** What a process that was killed has left of a file; whoever calls holds the file's claim. */
function removeParts(path: string): void {
  const begins = basename(path) + UNDER_WAY;
  for (const name of readdirSync(dirname(path)))
    if (name.startsWith(begins)) rmSync(join(dirname(path), name), { force: true });
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Several processes may write the same file at the same time: each beside, under a name of its own. */
function writeBeside(path: string, text: string): void {
  const beside = `${path}${UNDER_WAY}${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
  const file = openSync(beside, 'wx');
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(beside, path);
}

/** Says how far the shards are, at most once a second, and nothing at all where all were there. */
class Progress {
  readonly #begun = performance.now();
  readonly #wanted: { shards: number; bytes: number };
  #here = { shards: 0, bytes: 0 };
  #underWay = 0;
  #fetched = 0;
  #said: number | undefined;

  constructor(
    wanted: readonly Wanted[],
    private readonly say: ((brought: Brought) => void) | undefined,
  ) {
    this.#wanted = { shards: wanted.length, bytes: wanted.reduce((sum, { bytes }) => sum + bytes, 0) };
  }

  /** Something is missing. */
  begin(): void {
    if (this.#said === undefined) this.#tell();
  }

  /** Bytes of a file under way; negative ones where they do not count any more. */
  came(bytes: number): void {
    this.#underWay += bytes;
    if (bytes < 0) return;
    this.#fetched += bytes;
    this.#tellInTime();
  }

  here({ bytes }: Wanted): void {
    this.#here = { shards: this.#here.shards + 1, bytes: this.#here.bytes + bytes };
    this.#tellInTime();
  }

  end(): void {
    if (this.#said !== undefined) this.#tell();
  }

  #tellInTime(): void {
    if (this.#said !== undefined && performance.now() - this.#said >= 1000) this.#tell();
  }

  #tell(): void {
    this.#said = performance.now();
    this.say?.({
      shards: { wanted: this.#wanted.shards, here: this.#here.shards },
      bytes: { wanted: this.#wanted.bytes, here: this.#here.bytes + this.#underWay },
      fetched: this.#fetched,
      seconds: (this.#said - this.#begun) / 1000,
    });
  }
}
