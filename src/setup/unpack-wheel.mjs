// @ts-check
import { createHash } from 'node:crypto';
import { chmodSync, createWriteStream, mkdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SetupFailure } from './failure.mjs';
import { openZipEntry, readZipDirectory, readZipEntry } from './zip.mjs';

/** Entries up to this size are read in one piece. */
const SMALL = 4e6;

/**
 * Unpacks the wanted files of a wheel and compares each with the checksum in the wheel's own RECORD.
 * @param {string} wheel
 * @param {string} folder
 * @param {(name: string) => boolean} wanted
 * @param {(bytes: number, total: number) => void} [onProgress] bytes written so far
 */
export async function unpackWheel(wheel, folder, wanted, onProgress = () => {}) {
  const handle = await open(wheel);
  try {
    const entries = await readZipDirectory(handle, wheel);
    const record = entries.find((entry) => /^[^/]+\.dist-info\/RECORD$/.test(entry.name));
    if (!record)
      throw new SetupFailure(
        `expected a wheel but got ${wheel}, which has no RECORD`,
        'Remove the file and run the same command again.',
      );
    const checksums = readRecord((await readZipEntry(handle, wheel, record)).toString());
    const files = entries.filter((entry) => !entry.name.endsWith('/') && wanted(entry.name));
    const total = files.reduce((sum, entry) => sum + entry.size, 0);
    let written = 0;
    for (const entry of files) {
      const path = join(folder, normalize(entry.name));
      if (!path.startsWith(join(folder, '/')))
        throw new SetupFailure(
          `expected file names inside the wheel ${wheel} but got ${entry.name}`,
          'Do not use this file.',
        );
      mkdirSync(dirname(path), { recursive: true });
      const hash = createHash('sha256');
      const count = (/** @type {Buffer} */ bytes) => {
        hash.update(bytes);
        written += bytes.length;
        onProgress(written, total);
      };
      if (entry.size <= SMALL) {
        const content = await readZipEntry(handle, wheel, entry);
        count(content);
        writeFileSync(path, content);
      } else {
        const measure = new Transform({
          transform(chunk, _encoding, done) {
            count(chunk);
            done(null, chunk);
          },
        });
        await pipeline(await openZipEntry(handle, wheel, entry), measure, createWriteStream(path));
      }
      if (checksums.get(entry.name) !== hash.digest('base64url')) throw damaged(wheel, entry.name);
      if (entry.mode & 0o111) chmodSync(path, 0o755);
    }
    return { files: files.length, bytes: written };
  } catch (error) {
    // zlib's own errors (Z_DATA_ERROR, Z_BUF_ERROR) mean damaged bytes, as a wrong checksum does.
    if (/^Z_/.test(/** @type {NodeJS.ErrnoException} */ (error).code ?? '')) throw damaged(wheel, 'one of its files');
    throw error;
  } finally {
    await handle.close();
  }
}

/** @param {string} wheel @param {string} name */
const damaged = (wheel, name) =>
  new SetupFailure(
    `expected the checksum that the wheel's RECORD names for ${name} but got another one: ${wheel} is damaged`,
    'Run the same command again: it fetches the file anew.',
  );

/**
 * RECORD: one `path,sha256=<base64url>,size` a line; a path with a comma stands in quotes.
 * @param {string} record
 * @returns {Map<string, string>} path → checksum
 */
function readRecord(record) {
  /** @type {Map<string, string>} */
  const checksums = new Map();
  for (const line of record.split(/\r?\n/)) {
    const match = /^(?:"((?:[^"]|"")*)"|([^,]*)),sha256=([^,]*),/.exec(line);
    if (match) checksums.set((match[1] ?? match[2] ?? '').replaceAll('""', '"'), match[3] ?? '');
  }
  return checksums;
}
