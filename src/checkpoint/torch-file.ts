import { crc32 } from 'node:zlib';
import { DTYPE_BYTES, type Dtype, STORAGE_DTYPES } from './dtypes.js';
import { Cursor, type FileBytes } from './file-bytes.js';
import { Global, type Storage, type TorchTensor } from './python-values.js';
import { unpickle } from './unpickle.js';
import { readZipEntries, type ZipEntry } from './zip-entries.js';

/** Pieces in which tensor data is read. */
const PIECE = 16 << 20;

/** The object that torch.save wrote, its tensors as places in the file. */
export interface TorchFile {
  value: unknown;
  /** Written on a machine with the other byte order. */
  bigEndian: boolean;
}

/** Reads what torch.save wrote: the zip format (torch 1.6 and newer) or the one before it. Throws `bad-checkpoint`. */
export function readTorchFile(file: FileBytes): TorchFile {
  const start = file.read(0, Math.min(file.size, 512));
  if (start.toString('latin1', 0, 2) === 'PK') return readZip(file);
  if (start.toString('latin1', 257, 262) === 'ustar') {
    throw file.damaged('it has the tar form of torch before 0.1.10; save it anew with a newer torch');
  }
  if (start[0] !== 0x80) throw file.damaged('it does not begin like a file of torch.save or safetensors');
  return readLegacy(file);
}

const MOST_PICKLE_BYTES = 512 << 20;

function readZip(file: FileBytes): TorchFile {
  const entries = readZipEntries(file);
  const pickle = [...entries.values()].find(({ name }) => /^[^/]*\/data\.pkl$/.test(name));
  if (!pickle) throw file.damaged('the zip has no data.pkl');
  const folder = pickle.name.slice(0, -'data.pkl'.length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw file.damaged('it is a TorchScript program; save the state_dict() of the model that torch.jit.load gives');
  }
  if (pickle.size > MOST_PICKLE_BYTES)
    throw file.damaged(`data.pkl has ${pickle.size} bytes, more than any checkpoint`);
  const order = entries.get(`${folder}byteorder`);
  check(file, pickle);
  const whole = new Set<string>();
  const value = unpickle(new Cursor(file, pickle.at, pickle.at + pickle.size), (id) => {
    const { kind, key, elements, dtype } = storageId(file, id);
    const entry = entries.get(`${folder}data/${key}`);
    if (!entry) throw file.damaged(`the storage ${key} is not in the zip`);
    if (elements * (dtype ? DTYPE_BYTES[dtype] : 1) > entry.size)
      throw file.damaged(`the storage ${key} of ${elements} elements has only ${entry.size} bytes`);
    const verify = () => {
      if (!whole.has(key)) check(file, entry);
      whole.add(key);
    };
    return { key, kind, dtype, elements, at: entry.at, first: 0, verify } satisfies Storage;
  });
  return { value, bigEndian: order !== undefined && file.read(order.at, order.size).toString('latin1') === 'big' };
}

/** The zip's own checksum, so that a flipped bit in a weight does not go unseen. */
function check(file: FileBytes, { name, at, size, crc }: ZipEntry): void {
  let sum = 0;
  for (let done = 0; done < size; done += PIECE) sum = crc32(file.read(at + done, Math.min(PIECE, size - done)), sum);
  if (sum !== crc) throw file.damaged(`the data of ${name} do not have their checksum`);
}

/** Before torch 1.6: five pickles (magic number, protocol, machine, object, storage keys), then each storage's length and elements. */
function readLegacy(file: FileBytes): TorchFile {
  const cursor = new Cursor(file, 0, file.size);
  const none = () => {
    throw file.damaged('a persistent id stands where there can be none');
  };
  if (unpickle(cursor, none) !== 0x1950a86a20f9469cfc6cn)
    throw file.damaged('it has not the magic number of torch.save');
  if (unpickle(cursor, none) !== 1001) throw file.damaged('it has not the protocol 1001');
  const machine = unpickle(cursor, none);
  const storages = new Map<string, Storage>();
  const views: Storage[] = [];
  const value = unpickle(cursor, (id) => {
    // Whole modules carry their classes' source texts along.
    if (Array.isArray(id) && id[0] === 'module') return id[1];
    const { kind, key, elements, dtype, view } = storageId(file, id);
    let root = storages.get(key);
    if (!root) {
      root = { key, kind, dtype, elements, at: -1, first: 0 };
      storages.set(key, root);
    }
    if (!view) return root;
    if (view.first + view.elements > elements) throw file.damaged(`a view of the storage ${key} is larger than it`);
    const part = { ...root, elements: view.elements, first: view.first };
    views.push(part);
    return part;
  });
  const keys = unpickle(cursor, none);
  if (!Array.isArray(keys)) throw file.damaged('it has no list of storages');
  for (const key of keys) {
    const storage = storages.get(String(key));
    const length = Number(cursor.bytes(8).readBigInt64LE());
    if (!storage) throw file.damaged(`the storage ${String(key)} belongs to nobody, and so has no known length`);
    if (length !== storage.elements)
      throw file.damaged(`the storage ${key} has ${length} elements instead of ${storage.elements}`);
    if (storage.dtype === null) throw file.damaged(`the storage ${key} is a ${storage.kind}, which is not read`);
    storage.at = cursor.at;
    cursor.at += length * DTYPE_BYTES[storage.dtype];
    if (cursor.at > file.size) throw file.damaged('it ends within a storage');
  }
  for (const view of views) view.at = storages.get(view.key)?.at ?? -1;
  for (const { key, at } of storages.values()) if (at < 0) throw file.damaged(`the storage ${key} has no data`);
  return { value, bigEndian: machine instanceof Map && machine.get('little_endian') === false };
}

interface StorageId {
  kind: string;
  key: string;
  elements: number;
  dtype: Dtype | null;
  view: { first: number; elements: number } | undefined;
}

/** ('storage', class, key, device, elements[, view]) */
function storageId(file: FileBytes, id: unknown): StorageId {
  const [what, type, key, , elements, view] = Array.isArray(id) ? id : [];
  const count = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (
    what !== 'storage' ||
    !(type instanceof Global) ||
    !count(elements) ||
    !['string', 'number'].includes(typeof key)
  ) {
    throw file.damaged('a persistent id does not describe a storage');
  }
  if (view !== undefined && view !== null && !(Array.isArray(view) && count(view[1]) && count(view[2]))) {
    throw file.damaged('a persistent id has a damaged view');
  }
  return {
    kind: type.name,
    key: String(key),
    elements,
    dtype: STORAGE_DTYPES[type.name] ?? null,
    view: view ? { first: view[1], elements: view[2] } : undefined,
  };
}

/** A tensor's elements in C order, little-endian, in pieces. Strided views are gathered; only one storage's part is held then. */
export function* elementsOf(file: FileBytes, tensor: TorchTensor, dtype: Dtype, bigEndian: boolean): Iterable<Buffer> {
  const width = DTYPE_BYTES[dtype];
  const { shape, strides, storage } = tensor;
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count === 0) return;
  storage.verify?.();
  const begin = storage.at + (storage.first + tensor.offset) * width;
  const little = (bytes: Buffer) => (bigEndian ? swapped(bytes, width) : bytes);
  if (isContiguous(shape, strides)) {
    for (let done = 0; done < count * width; done += PIECE)
      yield little(file.read(begin + done, Math.min(PIECE, count * width - done)));
    return;
  }
  const last = shape.reduce((sum, extent, i) => sum + (extent - 1) * (strides[i] as number), 0);
  const held = file.read(begin, (last + 1) * width);
  const place = shape.map(() => 0);
  let from = 0;
  for (let left = count; left > 0; ) {
    const here = Math.min(left, PIECE / width);
    const out = Buffer.allocUnsafe(here * width);
    for (let i = 0; i < here; i++) {
      held.copy(out, i * width, from * width, (from + 1) * width);
      for (let d = shape.length - 1; d >= 0; d--) {
        const stride = strides[d] as number;
        from += stride;
        place[d] = (place[d] as number) + 1;
        if ((place[d] as number) < (shape[d] as number)) break;
        from -= stride * (shape[d] as number);
        place[d] = 0;
      }
    }
    left -= here;
    yield little(out);
  }
}

function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected) return false;
    expected *= shape[d] as number;
  }
  return true;
}

function swapped(bytes: Buffer, width: number): Buffer {
  return width === 8 ? bytes.swap64() : width === 4 ? bytes.swap32() : width === 2 ? bytes.swap16() : bytes;
}
