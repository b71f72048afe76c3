/** What a slide (Aperio SVS, a TIFF) says of itself in its first directory; no tile is read. */
import { closeSync, openSync, readSync } from 'node:fs';

export interface SlideHeader {
  /** TIFF's number of how tiles are packed: 7 JPEG, 33003 and 33005 JPEG 2000. */
  compression: number;
  /** Micrometres a pixel, and the objective's power; absent where the description does not say. */
  mpp?: string;
  magnification?: string;
}

const [COMPRESSION, DESCRIPTION] = [259, 270];
/** A description is a few hundred letters, a directory some dozen entries. */
const [LONGEST, MOST_ENTRIES] = [1 << 16, 4096];

/** Undefined where the file is no TIFF, or is cut short before its directory. */
export function slideHeader(path: string): SlideHeader | undefined {
  const file = openSync(path, 'r');
  try {
    return new Tiff(file).header();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  } finally {
    closeSync(file);
  }
}

class Tiff {
  private little = true;
  private big = false;

  constructor(private readonly file: number) {}

  header(): SlideHeader | undefined {
    const head = this.bytes(0, 16);
    const order = head.toString('latin1', 0, 2);
    if (order !== 'II' && order !== 'MM') return undefined;
    this.little = order === 'II';
    const version = this.number(head, 2, 2);
    if (version !== 42 && version !== 43) return undefined;
    this.big = version === 43;
    return this.directory(this.big ? this.number(head, 8, 8) : this.number(head, 4, 4));
  }

  private directory(offset: number): SlideHeader | undefined {
    const [countSize, entrySize, valueAt] = this.big ? [8, 20, 12] : [2, 12, 8];
    const count = this.number(this.bytes(offset, countSize), 0, countSize);
    if (count > MOST_ENTRIES) return undefined;
    const entries = this.bytes(offset + countSize, count * entrySize);
    let compression = 1;
    let description = '';
    for (let at = 0; at < entries.length; at += entrySize) {
      const tag = this.number(entries, at, 2);
      if (tag === COMPRESSION) compression = this.number(entries, at + valueAt, 2);
      if (tag === DESCRIPTION) {
        const length = Math.min(LONGEST, this.number(entries, at + 4, valueAt - 4));
        const place = this.number(entries, at + valueAt, valueAt - 4);
        // Up to four letters (eight) stand in the entry itself.
        const text =
          length <= valueAt - 4 ? entries.subarray(at + valueAt, at + valueAt + length) : this.bytes(place, length);
        description = text.toString('latin1');
      }
    }
    // Aperio Image Library …|AppMag = 40|MPP = 0.2520|…
    const said = (name: string) => new RegExp(`\\|\\s*${name}\\s*=\\s*([\\d.]+)`, 'u').exec(description)?.[1];
    const [mpp, magnification] = [said('MPP'), said('AppMag')];
    return {
      compression,
      ...(mpp === undefined ? {} : { mpp }),
      ...(magnification === undefined ? {} : { magnification }),
    };
  }

  private number(bytes: Buffer, at: number, size: number): number {
    if (size === 8) return Number(this.little ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at));
    return this.little ? bytes.readUIntLE(at, size) : bytes.readUIntBE(at, size);
  }

  private bytes(position: number, length: number): Buffer {
    if (!Number.isSafeInteger(position)) throw new RangeError('a place beyond all files');
    const out = Buffer.alloc(length);
    if (readSync(this.file, out, 0, length, position) < length) throw new RangeError('cut short');
    return out;
  }
}
