/**
 * Checks the flatbuffers of an Arrow file's footer and messages before they are decoded. The decoder trusts every offset and
 * count; a flipped byte would make it build lists of billions of entries, which ends the process and not the call.
 *
 * Each check throws a plain Error that says what is wrong; the caller names the file. Layout: the flatbuffers binary format and
 * Arrow's Schema.fbs, Message.fbs, File.fbs.
 */

/** What a slot of a table holds: bytes of a scalar, or what its offset points to. */
type Slot =
  | number
  | 'text'
  | (() => Table)
  | { each: number | (() => Table) }
  | { union: readonly (Table | undefined)[]; tag: number };
/** Slots in the order of the schema; `undefined`: not read, whatever it holds. */
type Table = readonly (Slot | undefined)[];

const keyValue: Table = ['text', 'text'];
const int: Table = [4, 1];
/** Types that hold more than scalars: a union its type ids, a timestamp its zone. Of the others the scalars are at most these. */
const plainType: Table = [4, 4];
const types: (Table | undefined)[] = Array.from({ length: 27 }, () => plainType);
types[0] = undefined;
types[2] = int;
types[10] = [2, 'text'];
types[14] = [2, { each: 4 }];
const encoding: Table = [8, () => int, 1, 2];
const field: Table = [
  'text',
  1,
  1,
  { union: types, tag: 2 },
  () => encoding,
  { each: () => field },
  { each: () => keyValue },
];
const schema: Table = [2, { each: () => field }, { each: () => keyValue }, { each: 8 }];
const compression: Table = [1, 1];
const recordBatch: Table = [8, { each: 16 }, { each: 16 }, () => compression, { each: 8 }];
const dictionaryBatch: Table = [8, () => recordBatch, 1];
const message: Table = [
  2,
  1,
  { union: [undefined, schema, dictionaryBatch, recordBatch], tag: 1 },
  8,
  { each: () => keyValue },
];
const footer: Table = [2, () => schema, { each: 24 }, { each: 24 }, { each: () => keyValue }];

export const checkFooter = (bytes: Uint8Array) => new Check(bytes).root(footer);
export const checkMessage = (bytes: Uint8Array) => new Check(bytes).root(message);

class Check {
  readonly #view: DataView;
  /** Tables may be shared, so that a small buffer could unfold into endless ones. */
  #left: number;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#left = bytes.byteLength;
  }

  root(table: Table): void {
    this.#table(this.#follow(0), table, 0);
  }

  #table(at: number, slots: Table, depth: number): void {
    if (depth > 64 || --this.#left < 0) throw new Error('metadata that never ends');
    this.#inside(at, 4);
    const vtable = at - this.#view.getInt32(at, true);
    this.#inside(vtable, 4);
    const vtableBytes = this.#view.getUint16(vtable, true);
    const bytes = this.#view.getUint16(vtable + 2, true);
    this.#inside(vtable, vtableBytes);
    this.#inside(at, bytes);
    const place = (slot: number) => {
      const entry = 4 + 2 * slot;
      const offset = entry + 2 <= vtableBytes ? this.#view.getUint16(vtable + entry, true) : 0;
      return offset === 0 ? undefined : at + offset;
    };
    for (const [number, slot] of slots.entries()) {
      const from = place(number);
      if (from === undefined || slot === undefined) continue;
      if (typeof slot === 'number') this.#inside(from, slot);
      else if (slot === 'text') this.#vector(this.#follow(from), 1);
      else if (typeof slot === 'function') this.#table(this.#follow(from), slot(), depth + 1);
      else if ('union' in slot) {
        const tag = place(slot.tag);
        const member = tag === undefined ? undefined : slot.union[this.#byte(tag)];
        if (!member) throw new Error('metadata of an unknown kind');
        this.#table(this.#follow(from), member, depth + 1);
      } else if (typeof slot.each === 'number') this.#vector(this.#follow(from), slot.each);
      else {
        const start = this.#follow(from);
        const count = this.#vector(start, 4);
        for (let i = 0; i < count; i++) this.#table(this.#follow(start + 4 + 4 * i), slot.each(), depth + 1);
      }
    }
  }

  #byte(at: number): number {
    this.#inside(at, 1);
    return this.#view.getUint8(at);
  }

  #follow(at: number): number {
    this.#inside(at, 4);
    return at + this.#view.getUint32(at, true);
  }

  #vector(at: number, width: number): number {
    this.#inside(at, 4);
    const count = this.#view.getUint32(at, true);
    this.#inside(at + 4, count * width);
    return count;
  }

  #inside(at: number, bytes: number): void {
    if (at < 0 || at + bytes > this.#view.byteLength) throw new Error('metadata that points outside itself');
  }
}
