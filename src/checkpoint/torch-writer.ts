/**
 * Writes what `torch.load(weights_only=True)` reads: torch.save's zip format of torch 1.6 and newer. An OrderedDict of tensors, below a key
 * of an outer dictionary where one is asked for; tensors of the same storage stay of the same storage.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { GadoliniumError } from '../errors.js';
import { DTYPE_BYTES, type Dtype, STORAGE_DTYPES } from './dtypes.js';
import type { StoredTensor } from './safetensors.js';

const STORAGES = Object.fromEntries(Object.entries(STORAGE_DTYPES).map(([kind, dtype]) => [dtype, kind])) as Record<
  Dtype,
  string
>;
/** torch maps storages into memory at such places. */
const ALIGNMENT = 64;
const LARGE = 0xffffffff;

/** Writes a file that is there whole or not at all; returns its bytes. Throws `checkpoint-not-written`. */
export function writeTorchFile(path: string, tensors: ReadonlyMap<string, StoredTensor>, entry = ''): number {
  const draft = `${path}.tmp`;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(draft, 'w');
    const folder = basename(path).replace(/\.[^.]*$/, '') || 'archive';
    const zip = new StoredZip(descriptor, folder);
    const keys = new Map<StoredTensor, number>();
    for (const tensor of tensors.values()) if (!keys.has(tensor)) keys.set(tensor, keys.size);
    zip.add('data.pkl', [pickled(tensors, keys, entry)]);
    zip.add('byteorder', [Buffer.from('little')]);
    for (const [tensor, key] of keys) zip.add(`data/${key}`, tensor.pieces());
    zip.add('version', [Buffer.from('3\n')]);
    const bytes = zip.finish();
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(draft, path);
    return bytes;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(draft, { force: true });
    if (error instanceof GadoliniumError) throw error;
    throw new GadoliniumError('checkpoint-not-written', `could not write ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Protocol 2, as torch.save writes. */
function pickled(tensors: ReadonlyMap<string, StoredTensor>, keys: ReadonlyMap<StoredTensor, number>, entry: string) {
  const parts: Buffer[] = [];
  const say = (...codes: (number | Buffer)[]) => {
    for (const code of codes) parts.push(typeof code === 'number' ? Buffer.from([code]) : code);
  };
  const global = (module: string, name: string) => say(Buffer.from(`c${module}\n${name}\n`));
  const text = (value: string) => {
    const bytes = Buffer.from(value, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    say(0x58, length, bytes);
  };
  const integer = (value: number) => {
    if (value <= 0x7fffffff) {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(value);
      return say(0x4a, bytes);
    }
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(value));
    return say(0x8a, 8, bytes);
  };
  const integers = (values: readonly number[]) => {
    say(0x28);
    for (const value of values) integer(value);
    say(0x74);
  };
  const emptyOrderedDict = () => {
    global('collections', 'OrderedDict');
    say(0x29, 0x52); // empty tuple, call
  };

  say(0x80, 2);
  if (entry) {
    say(0x7d); // {
    text(entry);
  }
  emptyOrderedDict();
  say(0x28);
  for (const [name, tensor] of tensors) {
    const { dtype, shape } = tensor;
    const count = shape.reduce((product, extent) => product * extent, 1);
    text(name);
    global('torch._utils', '_rebuild_tensor_v2');
    say(0x28, 0x28);
    text('storage');
    global('torch', STORAGES[dtype]);
    text(String(keys.get(tensor)));
    text('cpu');
    integer(count);
    say(0x74, 0x51); // tuple, persistent id
    integer(0);
    integers(shape);
    integers(shape.map((_, i) => shape.slice(i + 1).reduce((product, extent) => product * Math.max(extent, 1), 1)));
    say(0x89); // no gradient
    emptyOrderedDict(); // hooks
    say(0x74, 0x52);
  }
  say(0x75); // set items
  if (entry) say(0x73);
  say(0x2e);
  return Buffer.concat(parts);
}

/** A zip whose entries are stored as they are, each aligned; with ZIP64's fields where places or lengths need them. */
class StoredZip {
  #at = 0;
  readonly #directory: Buffer[] = [];

  constructor(
    readonly descriptor: number,
    readonly folder: string,
  ) {}

  #write(bytes: Uint8Array, at = this.#at): void {
    for (let done = 0; done < bytes.length; )
      done += writeSync(this.descriptor, bytes, done, bytes.length - done, at + done);
    if (at === this.#at) this.#at += bytes.length;
  }

  add(file: string, pieces: Iterable<Uint8Array>): void {
    const name = Buffer.from(`${this.folder}/${file}`);
    const start = this.#at;
    // The length is known when the data stand there: space for both of ZIP64's numbers, then padding.
    const before = start + 30 + name.length + 20 + 4;
    const padding = (ALIGNMENT - (before % ALIGNMENT)) % ALIGNMENT;
    this.#at = before + padding;
    let crc = 0;
    let size = 0;
    for (const piece of pieces) {
      crc = crc32(piece, crc);
      size += piece.length;
      this.#write(piece);
    }
    const wide = Buffer.alloc(20);
    wide.writeUInt16LE(size >= LARGE ? 1 : PADDING_FIELD, 0);
    wide.writeUInt16LE(16, 2);
    wide.writeBigUInt64LE(BigInt(size), 4);
    wide.writeBigUInt64LE(BigInt(size), 12);
    const pad = Buffer.alloc(4 + padding);
    pad.writeUInt16LE(PADDING_FIELD, 0);
    pad.writeUInt16LE(padding, 2);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    this.#common(local, 4, crc, size);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(wide.length + pad.length, 28);
    this.#write(Buffer.concat([local, name, wide, pad]), start);

    const numbers = [size, size, start].filter((value) => value >= LARGE);
    const extra = numbers.length ? Buffer.alloc(4 + 8 * numbers.length) : Buffer.alloc(0);
    if (numbers.length) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(8 * numbers.length, 2);
      for (const [i, value] of numbers.entries()) extra.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
    }
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(45, 4);
    this.#common(central, 6, crc, size);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(Math.min(start, LARGE), 42);
    this.#directory.push(central, name, extra);
  }

  /** Version, flags, method, time and date (1980), checksum, both lengths. */
  #common(header: Buffer, at: number, crc: number, size: number): void {
    header.writeUInt16LE(45, at);
    header.writeUInt16LE(0x21, at + 8);
    header.writeUInt32LE(crc, at + 10);
    header.writeUInt32LE(Math.min(size, LARGE), at + 14);
    header.writeUInt32LE(Math.min(size, LARGE), at + 18);
  }

  finish(): number {
    const count = this.#directory.length / 3;
    const directory = Buffer.concat(this.#directory);
    const start = this.#at;
    this.#write(directory);
    if (start >= LARGE || count >= 0xffff) {
      const record = Buffer.alloc(56);
      record.writeUInt32LE(0x06064b50, 0);
      record.writeBigUInt64LE(44n, 4);
      record.writeUInt16LE(45, 12);
      record.writeUInt16LE(45, 14);
      record.writeBigUInt64LE(BigInt(count), 24);
      record.writeBigUInt64LE(BigInt(count), 32);
      record.writeBigUInt64LE(BigInt(directory.length), 40);
      record.writeBigUInt64LE(BigInt(start), 48);
      const locator = Buffer.alloc(20);
      locator.writeUInt32LE(0x07064b50, 0);
      locator.writeBigUInt64LE(BigInt(start + directory.length), 8);
      locator.writeUInt32LE(1, 16);
      this.#write(Buffer.concat([record, locator]));
    }
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(Math.min(count, 0xffff), 8);
    end.writeUInt16LE(Math.min(count, 0xffff), 10);
    end.writeUInt32LE(Math.min(directory.length, LARGE), 12);
    end.writeUInt32LE(Math.min(start, LARGE), 16);
    this.#write(end);
    return this.#at;
  }
}

/** An extra field that says nothing, as torch pads with. */
const PADDING_FIELD = 0x4246;

/** Bytes of a tensor of a dtype and shape. */
export const bytesOf = ({ dtype, shape }: StoredTensor): number =>
  shape.reduce((product, extent) => product * extent, 1) * DTYPE_BYTES[dtype];
