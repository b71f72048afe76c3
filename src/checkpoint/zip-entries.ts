import type { FileBytes } from './file-bytes.js';

export interface ZipEntry {
  name: string;
  /** First byte of the data in the file. */
  at: number;
  size: number;
  crc: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
/** Far more files than any checkpoint has tensors. */
const MOST_DIRECTORY_BYTES = 256 << 20;

/**
 * The entries of a zip file by name, where each is stored as it is, as torch.save does (ZIP64 too, for more than 4 GB). Every place
 * is checked against the file's size. Throws `bad-checkpoint`.
 */
export function readZipEntries(file: FileBytes): Map<string, ZipEntry> {
  const tailSize = Math.min(file.size, 22 + 0xffff);
  const tail = file.read(file.size - tailSize, tailSize);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw file.damaged('the zip has no end record; it is probably cut short');
  let count = tail.readUInt16LE(end + 10);
  let size = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  if (count === 0xffff || size === 0xffffffff || offset === 0xffffffff) {
    if (end < 20 || tail.readUInt32LE(end - 20) !== LOCATOR64) throw file.damaged('the zip has no ZIP64 locator');
    const record = file.read(whole(file, tail.readBigUInt64LE(end - 12)), 56);
    if (record.readUInt32LE(0) !== END64) throw file.damaged('the zip has no ZIP64 end record');
    count = whole(file, record.readBigUInt64LE(32));
    size = whole(file, record.readBigUInt64LE(40));
    offset = whole(file, record.readBigUInt64LE(48));
  }
  if (size > MOST_DIRECTORY_BYTES) throw file.damaged(`the zip's directory has ${size} bytes`);
  const directory = file.read(offset, size);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== DIRECTORY)
      throw file.damaged('the zip’s directory is damaged');
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((place) =>
      directory.readUInt16LE(at + place),
    ) as [number, number, number];
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > directory.length) throw file.damaged('the zip’s directory is damaged');
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    const extra = directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength);
    entries.set(name, entryOf(file, name, directory.subarray(at, at + 46), extra));
    at = next;
  }
  return entries;
}

function entryOf(file: FileBytes, name: string, header: Buffer, extra: Buffer): ZipEntry {
  if (header.readUInt16LE(8) & 1) throw file.damaged(`${name} in the zip is encrypted`);
  if (header.readUInt16LE(10) !== 0)
    throw file.damaged(`${name} in the zip is compressed, which torch.save never does; unpack and look inside`);
  // Fields of 32 bits that overflow stand in the extra field, in this order.
  const wide = extraField(extra, 1);
  let place = 0;
  const number = (at: number) => {
    const value = header.readUInt32LE(at);
    if (value !== 0xffffffff) return value;
    if (!wide || place + 8 > wide.length) throw file.damaged(`${name} in the zip has no length`);
    place += 8;
    return whole(file, wide.readBigUInt64LE(place - 8));
  };
  const size = number(24);
  number(20); // the packed length, the same
  const local = number(42);
  const start = file.read(local, 30);
  if (start.readUInt32LE(0) !== LOCAL) throw file.damaged(`${name} is not where the zip’s directory says`);
  const at = local + 30 + start.readUInt16LE(26) + start.readUInt16LE(28);
  if (at + size > file.size) throw file.damaged(`it ends within ${name}`);
  return { name, at, size, crc: header.readUInt32LE(16) };
}

function extraField(extra: Buffer, id: number): Buffer | undefined {
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

function whole(file: FileBytes, value: bigint): number {
  if (value > BigInt(file.size)) throw file.damaged('the zip names a place behind its end');
  return Number(value);
}
