// @ts-check
// A reader of zip files, because neither `unzip` nor Python can be counted on. Wheels need no more than this: stored and
// deflated entries, no encryption, no ZIP64.
import { createReadStream } from 'node:fs';
import { createInflateRaw, inflateRawSync } from 'node:zlib';
import { SetupFailure } from './failure.mjs';

/** @typedef {{ name: string, offset: number, packed: number, size: number, method: number, mode: number }} ZipEntry */

const END_SIGNATURE = 0x06054b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 0xffff;

/** @param {string} file @param {string} why */
const broken = (file, why) =>
  new SetupFailure(
    `expected a whole zip file but got ${file}, ${why}`,
    'The download was probably cut short. Run the same command again: it fetches the file anew.',
  );

/**
 * The entries of a zip file, in the order of its directory.
 * @param {import('node:fs/promises').FileHandle} handle
 * @param {string} file its name
 * @returns {Promise<ZipEntry[]>}
 */
export async function readZipDirectory(handle, file) {
  const { size } = await handle.stat();
  const read = async (/** @type {number} */ position, /** @type {number} */ length) => {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await handle.read(buffer, 0, length, position);
    if (bytesRead < length) throw broken(file, 'which ends too early');
    return buffer;
  };
  const tailSize = Math.min(size, END_SIZE + LONGEST_COMMENT);
  const tail = await read(size - tailSize, tailSize);
  let end = tail.length - END_SIZE;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw broken(file, 'which has no end record');
  const directorySize = tail.readUInt32LE(end + 12);
  const directoryOffset = tail.readUInt32LE(end + 16);
  if (directoryOffset === 0xffffffff) throw broken(file, 'which is in the ZIP64 form');
  if (directoryOffset + directorySize > size) throw broken(file, 'whose directory lies outside of it');
  const directory = await read(directoryOffset, directorySize);
  /** @type {ZipEntry[]} */
  const entries = [];
  for (let at = 0; at < directory.length; ) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL_SIGNATURE)
      throw broken(file, 'whose directory is damaged');
    const nameLength = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
      method: directory.readUInt16LE(at + 10),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      mode: directory.readUInt32LE(at + 38) >>> 16,
      offset: directory.readUInt32LE(at + 42),
    });
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/**
 * The content of one entry, for entries that fit into memory: a wheel has thousands of small files, for which streams cost
 * more than their bytes.
 * @param {import('node:fs/promises').FileHandle} handle
 * @param {string} file its name
 * @param {ZipEntry} entry
 * @returns {Promise<Buffer>}
 */
export async function readZipEntry(handle, file, entry) {
  const start = await contentStart(handle, file, entry);
  const packed = Buffer.alloc(entry.packed);
  const { bytesRead } = await handle.read(packed, 0, entry.packed, start);
  if (bytesRead < entry.packed) throw broken(file, `whose entry ${entry.name} ends too early`);
  return entry.method === 0 ? packed : inflateRawSync(packed);
}

/**
 * The content of one entry, piece by piece.
 * @param {import('node:fs/promises').FileHandle} handle
 * @param {string} file its name
 * @param {ZipEntry} entry
 * @returns {Promise<import('node:stream').Readable>}
 */
export async function openZipEntry(handle, file, entry) {
  const start = await contentStart(handle, file, entry);
  const raw = createReadStream(file, { start, end: start + entry.packed - 1, highWaterMark: 1 << 20 });
  if (entry.method === 0) return raw;
  const inflate = createInflateRaw({ chunkSize: 1 << 20 });
  raw.on('error', (error) => inflate.destroy(error));
  return raw.pipe(inflate);
}

/**
 * @param {import('node:fs/promises').FileHandle} handle
 * @param {string} file
 * @param {ZipEntry} entry
 * @returns {Promise<number>}
 */
async function contentStart(handle, file, entry) {
  if (entry.method !== 0 && entry.method !== 8)
    throw broken(file, `whose entry ${entry.name} is packed in an unknown way`);
  const header = Buffer.alloc(30);
  await handle.read(header, 0, 30, entry.offset);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw broken(file, `whose entry ${entry.name} is damaged`);
  return entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}
