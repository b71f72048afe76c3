/** Facts of an image's values as they are stored: before any rescaling, inversion or conversion. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

export interface ValueFacts {
  dtype: string;
  min: number;
  max: number;
  /** SHA-256 of the values as little-endian bytes, in the order in which they are given. */
  storedSha256: string;
}

/** NaN is left out of min and max. */
export function valueFacts(values: NumberArray): ValueFacts {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { dtype: dtypeOf(values), min, max, storedSha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A typed array's name without its ending: Uint16Array → uint16. */
function dtypeOf(values: NumberArray): string {
  return Buffer.isBuffer(values) ? 'uint8' : values.constructor.name.replace('Array', '').toLowerCase();
}

/** Little-endian bytes as an array of a named type. */
export function arrayOf(dtype: string, bytes: Uint8Array): NumberArray {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  switch (dtype) {
    case 'uint8':
      return new Uint8Array(buffer);
    case 'int8':
      return new Int8Array(buffer);
    case 'uint16':
      return new Uint16Array(buffer);
    case 'int16':
      return new Int16Array(buffer);
    case 'uint32':
      return new Uint32Array(buffer);
    case 'int32':
      return new Int32Array(buffer);
    case 'float32':
      return new Float32Array(buffer);
    case 'float64':
      return new Float64Array(buffer);
    default:
      throw new TypeError(`no typed array for ${dtype}`);
  }
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
