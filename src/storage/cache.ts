/**
 * Files of object stores on this machine's disk: one folder a data set, in it what a prepared folder holds. All processes of
 * a machine share it. Bounded: files that no living process uses are thrown out, the longest unused first.
 */
import { accessSync, constants, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { GadoliniumError } from '../errors.js';
import { bytes as size } from '../events/wording.js';
import { Claim, claimed } from './claim.js';
import { UNDER_WAY } from './download.js';

export interface CacheOptions {
  /** Default: `gadolinium/data` in XDG_CACHE_HOME or ~/.cache. */
  folder?: string | undefined;
  /** Largest size in bytes; default: nine tenths of what the disk has free or the cache holds. */
  bytes?: number | undefined;
}

/** Files in use, by name in their data set's folder, with their bytes. */
interface Use {
  files: Record<string, number>;
}

const USE = /^use-.*\.json$/;
const SHARD = /\.arrow$/;

export class Cache {
  readonly folder: string;
  readonly #bytes: number | undefined;

  constructor({ folder, bytes }: CacheOptions = {}) {
    const base = process.env['XDG_CACHE_HOME'] || join(process.env['HOME'] || homedir(), '.cache');
    this.folder = resolve(folder ?? join(base, 'gadolinium', 'data'));
    this.#bytes = bytes;
  }

  /** The folder of a data set, made where it is not there. */
  dataset(name: string): string {
    const path = join(this.folder, name);
    try {
      mkdirSync(path, { recursive: true });
      accessSync(path, constants.W_OK);
    } catch (error) {
      throw GadoliniumError.expected('bad-cache', 'a folder that can be written', '--cache', (error as Error).message);
    }
    return path;
  }

  /**
   * Notes that this process uses files of a data set, until the claim is released, and makes room for those that are not there
   * yet. Throws `cache-too-small`, with numbers, where they cannot all lie here at once.
   */
  async use(dataset: string, files: Record<string, number>): Promise<Claim> {
    const name = `use-${process.pid}-${Math.random().toString(36).slice(2, 10)}.json`;
    const one = await Claim.wait(join(this.folder, 'room.lock'));
    let use: Claim | undefined;
    try {
      use = Claim.take(join(this.folder, dataset, name), { files } satisfies Use);
      await this.#makeRoom(files);
      return use as Claim;
    } catch (error) {
      use?.release();
      throw error;
    } finally {
      one.release();
    }
  }

  async #makeRoom(files: Record<string, number>): Promise<void> {
    const { used, unused, remains } = this.#look();
    for (const path of remains) rmSync(path, { force: true });
    const { bavail, bsize } = await statfs(this.folder);
    let free = bavail * bsize;
    const held = [...used.values()].reduce((sum, { here }) => sum + here, 0);
    let spare = unused.reduce((sum, { bytes }) => sum + bytes, 0);
    const limit = this.#bytes ?? 0.9 * (free + held + spare);
    const wanted = [...used.values()].reduce((sum, { bytes }) => sum + bytes, 0);
    const missing = wanted - held;
    unused.sort((a, b) => a.time - b.time);
    while (unused.length > 0 && (wanted + spare > limit || missing > free)) {
      const { path, bytes } = unused.shift() as (typeof unused)[number];
      rmSync(path, { force: true });
      spare -= bytes;
      free += bytes;
    }
    if (wanted <= limit && missing <= free) return;
    const mine = Object.values(files).reduce((sum, bytes) => sum + bytes, 0);
    const others = wanted - mine;
    const needs = `${size(mine)} for ${Object.keys(files).length} shards, which are read in random order and so must all lie there${
      others > 0 ? `, beside ${size(others)} that other processes use` : ''
    }`;
    throw new GadoliniumError(
      'cache-too-small',
      wanted > limit
        ? `expected room in the cache ${this.folder} (${needs}) but its size is bounded to ${size(limit)}`
        : `expected room in the cache ${this.folder} (${needs}) but ${size(missing)} are to come and the disk has ${size(free)} free`,
      {
        advice: `give --cache-size ${Math.ceil(wanted / 1e9)}GB or more, a larger disk with --cache DIR, or prepare the data set with a smaller --size or --limit`,
      },
    );
  }

  /** Everything in the cache: files in use, with what of them is here; unused files; what the dead left. */
  #look() {
    const used = new Map<string, { bytes: number; here: number }>();
    const unused: { path: string; bytes: number; time: number }[] = [];
    const remains: string[] = [];
    const folders = readdirSync(this.folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    for (const folder of folders.map(({ name }) => join(this.folder, name))) {
      const names = readdirSync(folder);
      for (const name of names.filter((one) => USE.test(one))) {
        const use = claimed<Use>(join(folder, name));
        if (!use) remains.push(join(folder, name));
        for (const [file, bytes] of Object.entries(use?.files ?? {})) used.set(join(folder, file), { bytes, here: 0 });
      }
      for (const name of names) {
        const path = join(folder, name);
        const shard = SHARD.test(name);
        if (!shard && !name.includes(UNDER_WAY)) continue;
        const found = statSync(path, { throwIfNoEntry: false });
        if (!found) continue;
        const use = used.get(path);
        if (use) use.here = found.size;
        else if (shard) unused.push({ path, bytes: found.size, time: found.mtimeMs });
        // Of a file under way the use that it comes for still holds; without one its process is gone.
        else if (!used.has(path.slice(0, path.indexOf(UNDER_WAY)))) remains.push(path);
      }
    }
    return { used, unused, remains };
  }
}
