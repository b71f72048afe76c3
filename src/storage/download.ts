/** One file out of an object store: fetched beside, by several ranges at a time, hashed, renamed. */
import { type FileHandle, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { sha256Of } from '../data/shards/stored-values.js';
import { syncFolder } from '../data/shards/writer.js';
import { GadoliniumError } from '../errors.js';
import { type Patience, patience, retry } from './retry.js';
import type { ObjectStore } from './store.js';

/** What a file must be. */
export interface Wanted {
  /** Its name in the store, and for sentences. */
  key: string;
  source: string;
  bytes: number;
  sha256: string;
}

export interface DownloadOptions {
  /** Bytes of one request, and how many are under way at a time. */
  partBytes?: number;
  parts?: number;
  patience?: Patience;
  signal?: AbortSignal | undefined;
  /** Told of bytes as they come; of negative ones where they must come again. */
  progress?: (bytes: number) => void;
}

/** The ending of a file under way; what follows it tells apart those of several processes. */
export const UNDER_WAY = '.part-';

/**
 * Fetches a file to `path`, which appears whole or not at all. Bytes of another hash or size are fetched once more and then
 * named (`bad-object`).
 */
export async function download(store: ObjectStore, path: string, wanted: Wanted, options: DownloadOptions = {}) {
  const beside = `${path}${UNDER_WAY}${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
  try {
    const first = await attempt(store, beside, wanted, options);
    const second = first && (await attempt(store, beside, wanted, options));
    if (first && second) {
      throw GadoliniumError.expected(
        'bad-object',
        `the file that dataset.json says (${wanted.bytes} bytes, SHA-256 ${wanted.sha256})`,
        wanted.source,
        `${second}, twice`,
        'upload the whole prepared folder again',
      );
    }
    await mark(beside, wanted);
    await rename(beside, path);
    syncFolder(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    throw GadoliniumError.expected(
      'disk-full',
      `room for ${wanted.bytes} bytes`,
      dirname(path),
      'a full disk',
      'give a folder on a larger disk with --cache',
    );
  } finally {
    await rm(beside, { force: true });
  }
}

/** Fetches and hashes once. What is wrong with what came, or nothing. */
async function attempt(
  store: ObjectStore,
  path: string,
  wanted: Wanted,
  options: DownloadOptions,
): Promise<string | undefined> {
  let came = 0;
  const progress = (bytes: number) => {
    came += bytes;
    options.progress?.(bytes);
  };
  let wrong: string | undefined;
  const file = await open(path, 'w');
  try {
    await ranges(store, file, wanted, { ...options, progress });
    await file.sync();
  } catch (error) {
    if ((error as GadoliniumError).code !== 'other-size') throw error;
    wrong = (error as GadoliniumError).message;
  } finally {
    await file.close();
    if (wrong) options.progress?.(-came);
  }
  if (wrong) return wrong;
  const sha256 = await sha256Of(path);
  if (sha256 === wanted.sha256) return undefined;
  options.progress?.(-came);
  return `SHA-256 ${sha256}`;
}

/** All parts into their places, some at a time. The first failure ends the others. */
async function ranges(
  store: ObjectStore,
  file: FileHandle,
  { key, bytes }: Wanted,
  options: DownloadOptions,
): Promise<void> {
  const { partBytes = 16 * 2 ** 20, parts = 4, progress } = options;
  const failed = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, failed.signal]) : failed.signal;
  let next = 0;
  const part = async (from: number, to: number) => {
    for (let at = from; at < to; ) {
      const begun = at;
      const read = async () => {
        try {
          for await (const chunk of store.range(key, at, to, bytes, signal)) {
            for (let done = 0; done < chunk.length; ) {
              const { bytesWritten } = await file.write(chunk, done, chunk.length - done, at);
              done += bytesWritten;
              at += bytesWritten;
            }
            progress?.(chunk.length);
          }
        } catch (error) {
          // One that came further is no failed try: the rest begins with all tries.
          if (at === begun || (error as GadoliniumError).code !== 'no-answer') throw error;
        }
      };
      await retry(read, options.patience ?? patience, signal);
    }
  };
  const worker = async () => {
    while (next < bytes) {
      signal.throwIfAborted();
      const from = next;
      next = Math.min(bytes, from + partBytes);
      await part(from, next);
    }
  };
  const workers = Array.from({ length: Math.min(parts, Math.ceil(bytes / partBytes)) }, () =>
    worker().catch((error) => {
      failed.abort();
      throw error;
    }),
  );
  const ended = await Promise.allSettled(workers);
  options.signal?.throwIfAborted();
  const reasons = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  // Those that were ended by another's failure are not the cause.
  const cause = reasons.find(({ code, name }) => code !== 'aborted' && name !== 'AbortError') ?? reasons[0];
  if (cause) throw cause;
}

// A file's hash is taken when it comes, and again when it was written since: the microseconds of its time of writing say so, being
// set to a number that follows from the hash. What is written later has others, but for one in a million.
const markOf = ({ sha256 }: Wanted) => Number.parseInt(sha256.slice(0, 8), 16) % 1_000_000;

/** Notes that a file's hash was seen to be right, and that it is used now: by its times disks are cleared of old files. */
async function mark(path: string, wanted: Wanted): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  // Half a microsecond more: what is cut off there cannot change the number.
  await utimes(path, now, now + (markOf(wanted) + 0.5) / 1e6);
}

/** Whether a file is there and whole: `changed` has the size, but was written since its hash was taken. */
export async function stateOf(path: string, wanted: Wanted): Promise<'whole' | 'changed' | 'missing'> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (found?.size !== BigInt(wanted.bytes)) return 'missing';
  return (found.mtimeNs / 1000n) % 1_000_000n === BigInt(markOf(wanted)) ? 'whole' : 'changed';
}

/** Takes the hash of a file that was written since: marks it, or says what it is. */
export async function checkAgain(path: string, wanted: Wanted): Promise<string | undefined> {
  const sha256 = await sha256Of(path);
  if (sha256 !== wanted.sha256) return `${basename(path)} had SHA-256 ${sha256}`;
  await mark(path, wanted);
  return undefined;
}

/** Notes that a file is used now; where it is another user's, who may have left it to all, it stays as it is. */
export async function touch(path: string, wanted: Wanted): Promise<void> {
  await mark(path, wanted).catch((error) => {
    if (error.code !== 'EPERM' && error.code !== 'EACCES') throw error;
  });
}
