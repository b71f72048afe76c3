/**
 * TensorBoard's event files: records of
 *
 *     length u64 | masked CRC-32C of the length u32 | bytes | masked CRC-32C of the bytes u32      (little-endian)
 *
 * whose bytes are a protobuf `Event` (tensorflow/core/util/event.proto). Only the fields that we write are here.
 */

/** First event of a file. */
export function versionRecord(seconds: number): Buffer {
  return record(Buffer.concat([double(1, seconds), text(3, 'brain.Event:2')]));
}

/** Tells TensorBoard to forget what earlier files of the folder said about `step` and later ones. */
export function sessionStartRecord(seconds: number, step: number): Buffer {
  const sessionStart = 1;
  return record(Buffer.concat([double(1, seconds), integer(2, step), bytes(7, integer(1, sessionStart))]));
}

export function textRecord(seconds: number, step: number, tag: string, markdown: string): Buffer {
  const string = 7;
  const tensor = Buffer.concat([integer(1, string), bytes(2, Buffer.alloc(0)), text(8, markdown)]);
  const metadata = bytes(1, text(1, 'text'));
  const value = Buffer.concat([text(1, tag), bytes(8, tensor), bytes(9, metadata)]);
  return record(Buffer.concat([double(1, seconds), integer(2, step), bytes(5, bytes(1, value))]));
}

/** Many scalars of one step in one record. Everything but the numbers is made once per tag. */
export class ScalarRecords {
  readonly #heads = new Map<string, Buffer>();
  #scratch: Buffer[] = [];

  make(seconds: number, step: number, tags: readonly string[], values: readonly number[]): Buffer {
    const heads = this.#scratch;
    heads.length = 0;
    let size = 0;
    for (const tag of tags) {
      const head = this.#head(tag);
      heads.push(head);
      size += head.length + 4;
    }
    const stepBytes = varint(step);
    const sizeBytes = varint(size);
    const length = 9 + 1 + stepBytes.length + 1 + sizeBytes.length + size;
    const out = Buffer.allocUnsafe(12 + length + 4);
    let at = 12;
    out[at++] = 0x09;
    at = out.writeDoubleLE(seconds, at);
    out[at++] = 0x10;
    at += stepBytes.copy(out, at);
    out[at++] = 0x2a;
    at += sizeBytes.copy(out, at);
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i]!;
      out.set(head, at);
      at = out.writeFloatLE(values[i]!, at + head.length);
    }
    return frame(out, length);
  }

  /** Summary.value { tag, simple_value: } up to where the four bytes of the number follow. */
  #head(tag: string): Buffer {
    let head = this.#heads.get(tag);
    if (head === undefined) {
      const value = Buffer.concat([text(1, tag), Buffer.of(0x15)]);
      head = Buffer.concat([Buffer.of(0x0a), varint(value.length + 4), value]);
      this.#heads.set(tag, head);
    }
    return head;
  }
}

function record(event: Buffer): Buffer {
  const out = Buffer.allocUnsafe(12 + event.length + 4);
  event.copy(out, 12);
  return frame(out, event.length);
}

/** Fills in the frame around the `length` bytes that begin at 12. */
function frame(out: Buffer, length: number): Buffer {
  out.writeUInt32LE(length, 0);
  out.writeUInt32LE(0, 4);
  out.writeUInt32LE(maskedCrc32c(out, 0, 8), 8);
  out.writeUInt32LE(maskedCrc32c(out, 12, 12 + length), 12 + length);
  return out;
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest > 127) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Buffer.from(out);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([Buffer.of(field << 3), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const out = Buffer.alloc(9);
  out[0] = (field << 3) | 1;
  out.writeDoubleLE(value, 1);
  return out;
}

function bytes(field: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of((field << 3) | 2), varint(value.length), value]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

/** Slicing by four: table k holds the remainders of a byte that stands k bytes before the end of a word. */
const tables = crcTables();

function crcTables(): Uint32Array[] {
  const castagnoli = 0x82f63b78;
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ castagnoli : remainder >>> 1;
    return remainder;
  });
  const all = [first];
  for (let k = 1; k < 4; k++) all.push(all[k - 1]!.map((remainder) => (remainder >>> 8) ^ first[remainder & 255]!));
  return all;
}

/** CRC-32C (RFC 3720, appendix B.4) of bytes [start, end). */
export function crc32c(data: Uint8Array, start = 0, end = data.length): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = ~0;
  let i = start;
  for (; i + 4 <= end; i += 4) {
    crc ^= data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    crc = t3[crc & 255]! ^ t2[(crc >>> 8) & 255]! ^ t1[(crc >>> 16) & 255]! ^ t0[crc >>> 24]!;
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t0[(crc ^ data[i]!) & 255]!;
  return ~crc >>> 0;
}

/** Rotated and shifted, as the record format wants it: a checksum over data that holds checksums stays sound. */
export function maskedCrc32c(data: Uint8Array, start = 0, end = data.length): number {
  const crc = crc32c(data, start, end);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
