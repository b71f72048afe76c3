import { closeSync, openSync, readSync } from 'node:fs';
import { GadoliniumError } from '../../errors.js';
import type { ColumnPlace } from './places.js';
import { arrayOf, type NumberArray } from './stored-values.js';

/** An open shard: bytes by place. A place that ends behind the file is `bad-shard`. */
export class ShardBytes {
  readonly #file: number;

  constructor(readonly path: string) {
    this.#file = openSync(path, 'r');
  }

  read(position: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.#file, bytes, done, length - done, position + done);
      if (got === 0) {
        throw GadoliniumError.expected(
          'bad-shard',
          `${length} bytes from byte ${position}`,
          this.path,
          'an end before them',
          'prepare the data set again',
        );
      }
      done += got;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#file);
  }
}

/**
 * One column of a record batch, read from its place in the file. A buffer is read when a value first needs it, so that labels and
 * words come out of a shard of pictures without a picture being read. For what reads little; training reads
 * natively.
 */
export class StoredColumn {
  #validity: Uint8Array | undefined;
  #offsets: NumberArray | undefined;
  #numbers: NumberArray | undefined;
  #texts: Uint8Array | undefined;
  readonly #children = new Map<string, StoredColumn>();

  constructor(
    private readonly shard: ShardBytes,
    private readonly place: ColumnPlace,
    private readonly dictionaries: readonly string[][],
  ) {}

  isNull(i: number): boolean {
    const { validity, length } = this.place;
    if (validity < 0) return false;
    this.#validity ??= this.shard.read(validity, Math.ceil(length / 8));
    return ((this.#validity[i >> 3]! >> (i & 7)) & 1) === 0;
  }

  /** Items of a list: their first number in `items()` and the one behind the last. Nothing for null. */
  range(i: number): { from: number; to: number } {
    if (this.isNull(i) || this.place.offsets < 0) return { from: 0, to: 0 };
    const wide = this.place.type.startsWith('large-');
    this.#offsets ??= wide ? this.#wideOffsets() : this.#read('int32', this.place.offsets, this.place.length + 1);
    return { from: this.#offsets[i]!, to: this.#offsets[i + 1]! };
  }

  /** The column of a list's items. */
  items(): StoredColumn {
    return this.field(Object.keys(this.place.children)[0]!);
  }

  /** Whether a struct has a field: older folders lack the newer ones. */
  has(name: string): boolean {
    return name in this.place.children;
  }

  /** A struct's field. */
  field(name: string): StoredColumn {
    const known = this.#children.get(name);
    if (known) return known;
    const place = this.place.children[name];
    if (!place) {
      const has = Object.keys(this.place.children).join(', ');
      throw GadoliniumError.expected(
        'bad-shard',
        `a field '${name}'`,
        this.shard.path,
        has,
        'prepare the data set again',
      );
    }
    const column = new StoredColumn(this.shard, place, this.dictionaries);
    this.#children.set(name, column);
    return column;
  }

  /** A text or a dictionary's word; '' for null. */
  text(i: number): string {
    if (this.isNull(i)) return '';
    const { dictionary, values, bytes } = this.place;
    if (dictionary !== undefined) return this.dictionaries[dictionary]![this.number(i)] ?? '';
    const { from, to } = this.range(i);
    this.#texts ??= this.shard.read(values, bytes);
    return Buffer.from(this.#texts.buffer, this.#texts.byteOffset + from, to - from).toString('utf8');
  }

  /** A number, or the index of a dictionary's word. */
  number(i: number): number {
    const { index, type, values, length } = this.place;
    this.#numbers ??= this.#read(index ?? type, values, length);
    return this.#numbers[i]!;
  }

  /** Bytes of one value; the others stay in the file. */
  bytes(i: number): Uint8Array {
    const { from, to } = this.range(i);
    return this.shard.read(this.place.values + from, to - from);
  }

  #wideOffsets(): NumberArray {
    const bytes = this.shard.read(this.place.offsets, 8 * (this.place.length + 1));
    return Float64Array.from(new BigInt64Array(bytes.buffer), Number);
  }

  #read(type: string, position: number, count: number): NumberArray {
    const width = Number(/\d+$/.exec(type)?.[0] ?? 0) / 8;
    return arrayOf(type, this.shard.read(position, count * width));
  }
}
