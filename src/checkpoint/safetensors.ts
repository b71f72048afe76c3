import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { GadoliniumError } from '../errors.js';
import { addon } from '../native/addon.js';
import { DTYPE_BYTES, type Dtype } from './dtypes.js';
import type { FileBytes } from './file-bytes.js';

/** A tensor that can be read from somewhere: `pieces` gives its elements in C order, little-endian. */
export interface StoredTensor {
  dtype: Dtype;
  shape: readonly number[];
  pieces(): Iterable<Uint8Array>;
}

const LONGEST_HEADER = 100 << 20;
const PIECE = 16 << 20;

const place = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});

/** The tensors of a safetensors file by name, with its metadata. Throws `bad-checkpoint`. */
export function readSafetensors(file: FileBytes): {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
} {
  const length = Number(file.read(0, 8).readBigUInt64LE());
  if (length > LONGEST_HEADER || length + 8 > file.size) throw file.damaged('it ends within its header');
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(file.read(8, length).toString('utf8'));
    if (typeof header !== 'object' || header === null) throw new Error('no object');
  } catch (error) {
    throw file.damaged(`its header is not JSON: ${(error as Error).message}`);
  }
  const { __metadata__: metadata = {}, ...places } = header;
  const tensors = new Map<string, StoredTensor>();
  for (const [name, given] of Object.entries(places)) {
    const parsed = place.safeParse(given);
    if (!parsed.success) throw file.damaged(`its header has a damaged entry of ${name}`);
    const { shape } = parsed.data;
    const dtype = parsed.data.dtype as Dtype;
    if (!(dtype in DTYPE_BYTES)) throw file.damaged(`${name} has the type ${dtype}, which is not read`);
    const [begin, end] = parsed.data.data_offsets;
    const bytes = shape.reduce((product, extent) => product * extent, 1) * DTYPE_BYTES[dtype];
    if (end - begin !== bytes) throw file.damaged(`the offsets of ${name} do not fit its shape`);
    const from = 8 + length + begin;
    if (from + bytes > file.size) throw file.damaged(`it ends before ${name}`);
    tensors.set(name, {
      dtype,
      shape,
      *pieces() {
        for (let done = 0; done < bytes; done += PIECE) yield file.read(from + done, Math.min(PIECE, bytes - done));
      },
    });
  }
  return { tensors, metadata: metadata as Record<string, string> };
}

/**
 * Writes a file that is there whole or not at all, tensor by tensor, with the hash of its data in the header like every checkpoint.
 * Returns that hash and the bytes written. Throws `checkpoint-not-written`.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): { hash: string; bytes: number } {
  let end = 0;
  const places: Record<string, object> = {};
  for (const [name, { dtype, shape }] of tensors) {
    const begin = end;
    end += shape.reduce((product, extent) => product * extent, 1) * DTYPE_BYTES[dtype];
    places[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  // Known only when the data stand in the file; of the same length, so that nothing moves.
  const headerWith = (hash: string) => {
    const text = Buffer.from(JSON.stringify({ __metadata__: { ...metadata, xxh64: hash }, ...places }), 'utf8');
    return Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
  };
  const draft = `${path}.tmp`;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(draft, 'w');
    const header = headerWith('0'.repeat(16));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    writeAll(descriptor, length);
    writeAll(descriptor, header);
    for (const [name, { dtype, shape, pieces }] of tensors) {
      let left = shape.reduce((product, extent) => product * extent, 1) * DTYPE_BYTES[dtype];
      for (const piece of pieces()) {
        left -= piece.length;
        writeAll(descriptor, piece);
      }
      if (left !== 0) throw new Error(`${name} has ${left} bytes less than its shape says`);
    }
    const hash = addon().hashCheckpoint(draft);
    writeAll(descriptor, headerWith(hash), 8);
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(draft, path);
    const folder = openSync(dirname(path), 'r');
    fsyncSync(folder);
    closeSync(folder);
    return { hash, bytes: 8 + header.length + end };
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(draft, { force: true });
    if (error instanceof GadoliniumError) throw error;
    throw new GadoliniumError('checkpoint-not-written', `could not write ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function writeAll(descriptor: number, bytes: Uint8Array, at?: number): void {
  for (let done = 0; done < bytes.length; )
    done += writeSync(descriptor, bytes, done, bytes.length - done, at === undefined ? undefined : at + done);
}
