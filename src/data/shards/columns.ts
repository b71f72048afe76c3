/**
 * Builders of Arrow columns from plain values, one for each type of the schema. They fill offsets, values and validity by
 * hand and hand out the buffers of a record batch in Arrow's depth-first order: no intermediate vectors, and the bytes of
 * pictures are copied once, into the file.
 */
import {
  type DataType,
  type Dictionary,
  type Field,
  type FixedSizeBinary,
  type FixedSizeList,
  type List,
  type Map_,
  type Struct,
  Type,
} from 'apache-arrow';
import { GadoliniumError } from '../../errors.js';

/** Length and null count of one array, and the buffers of a record batch, in depth-first order. */
export interface BatchBody {
  nodes: { length: number; nulls: number }[];
  /** Each as the chunks that follow one another. */
  buffers: Uint8Array[][];
}

/** One column of the batch being built. `append` takes a value or null. */
export interface Column {
  append(value: unknown): void;
  /** Rows appended since the last flush. */
  readonly length: number;
  flush(into: BatchBody): void;
}

/** The texts of one dictionary, in order of first use; grows over the batches of one file. */
export class DictionaryTexts {
  readonly indices = new Map<string, number>();
  constructor(
    readonly id: number,
    readonly field: string,
  ) {}

  indexOf(text: string): number {
    let index = this.indices.get(text);
    if (index === undefined) {
      index = this.indices.size;
      if (index > 32767) {
        throw GadoliniumError.expected(
          'dictionary-full',
          'at most 32,768 different words',
          `column ${this.field}`,
          text,
        );
      }
      this.indices.set(text, index);
    }
    return index;
  }
}

const utf8 = new TextEncoder();

/** Fixed-width numbers. */
abstract class Numbers<A extends Int8Array | Int16Array | Int32Array | Float32Array> {
  protected values: A;
  size = 0;
  constructor(private readonly make: (length: number) => A) {
    this.values = make(64);
  }
  push(value: number): void {
    if (this.size === this.values.length) {
      const larger = this.make(this.size * 2);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.size++] = value;
  }
  take(): Uint8Array {
    const { buffer, byteOffset, BYTES_PER_ELEMENT } = this.values;
    const bytes = new Uint8Array(buffer.slice(byteOffset, byteOffset + this.size * BYTES_PER_ELEMENT));
    this.size = 0;
    return bytes;
  }
}
class Int8s extends Numbers<Int8Array> {
  constructor() {
    super((n) => new Int8Array(n));
  }
}
class Int16s extends Numbers<Int16Array> {
  constructor() {
    super((n) => new Int16Array(n));
  }
}
class Int32s extends Numbers<Int32Array> {
  constructor() {
    super((n) => new Int32Array(n));
  }
}
class Float32s extends Numbers<Float32Array> {
  constructor() {
    super((n) => new Float32Array(n));
  }
}
type AnyNumbers = Int8s | Int16s | Int32s | Float32s;

/** One bit a row, least significant first. */
class Bits {
  private bytes = new Uint8Array(64);
  size = 0;
  zeros = 0;
  push(bit: boolean): void {
    if (this.size >> 3 === this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    if (bit) this.bytes[this.size >> 3]! |= 1 << (this.size & 7);
    else this.zeros++;
    this.size++;
  }
  take(): Uint8Array {
    const out = this.bytes.slice(0, (this.size + 7) >> 3);
    this.bytes.fill(0);
    this.size = 0;
    this.zeros = 0;
    return out;
  }
}

abstract class Base implements Column {
  private readonly validity = new Bits();
  constructor(private readonly field: Field) {}
  get length(): number {
    return this.validity.size;
  }
  append(value: unknown): void {
    const present = value !== null && value !== undefined;
    if (!present && !this.field.nullable) {
      throw GadoliniumError.expected('missing-value', 'a value', `column ${this.field.name}`, value);
    }
    this.validity.push(present);
    this.put(present ? value : null);
  }
  flush(into: BatchBody): void {
    const { size, zeros } = this.validity;
    into.nodes.push({ length: size, nulls: zeros });
    const bits = this.validity.take();
    into.buffers.push(zeros === 0 ? [] : [bits]);
    this.body(into);
  }
  /** Appends a place also for null: Arrow keeps one. */
  protected abstract put(value: unknown): void;
  protected abstract body(into: BatchBody): void;
}

class NumberColumn extends Base {
  constructor(
    field: Field,
    private readonly numbers: AnyNumbers,
  ) {
    super(field);
  }
  protected put(value: unknown): void {
    this.numbers.push((value as number | null) ?? 0);
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.numbers.take()]);
  }
}

class BoolColumn extends Base {
  private readonly bits = new Bits();
  protected put(value: unknown): void {
    this.bits.push(value === true);
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.bits.take()]);
  }
}

/** Binary and Utf8. */
class BytesColumn extends Base {
  private readonly offsets = new Int32s();
  private chunks: Uint8Array[] = [];
  private total = 0;
  constructor(
    field: Field,
    private readonly text: boolean,
  ) {
    super(field);
    this.offsets.push(0);
  }
  protected put(value: unknown): void {
    if (value !== null) {
      const bytes = this.text ? utf8.encode(value as string) : (value as Uint8Array);
      if (bytes.length > 0) this.chunks.push(bytes);
      this.total += bytes.length;
      if (this.total > 0x7fffffff)
        throw new GadoliniumError(
          'batch-too-large',
          'expected less than 2 GiB of bytes in a column of one record batch',
        );
    }
    this.offsets.push(this.total);
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.offsets.take()], this.chunks);
    this.chunks = [];
    this.total = 0;
    this.offsets.push(0);
  }
}

class FixedBytesColumn extends Base {
  private chunks: Uint8Array[] = [];
  constructor(
    field: Field,
    private readonly width: number,
  ) {
    super(field);
  }
  protected put(value: unknown): void {
    const bytes = (value as Uint8Array | null) ?? new Uint8Array(this.width);
    if (bytes.length !== this.width) {
      throw GadoliniumError.expected(
        'wrong-length',
        `${this.width} bytes`,
        'a fixed-size column',
        `${bytes.length} bytes`,
      );
    }
    this.chunks.push(bytes);
  }
  protected body(into: BatchBody): void {
    into.buffers.push(this.chunks);
    this.chunks = [];
  }
}

class DictionaryColumn extends Base {
  private readonly indices = new Int16s();
  constructor(
    field: Field,
    private readonly texts: DictionaryTexts,
  ) {
    super(field);
  }
  protected put(value: unknown): void {
    this.indices.push(value === null ? 0 : this.texts.indexOf(value as string));
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.indices.take()]);
  }
}

class ListColumn extends Base {
  private readonly offsets = new Int32s();
  constructor(
    field: Field,
    private readonly items: Column,
  ) {
    super(field);
    this.offsets.push(0);
  }
  protected put(value: unknown): void {
    if (value !== null) {
      const values = value as ArrayLike<unknown>;
      for (let i = 0; i < values.length; i++) this.items.append(values[i]);
    }
    this.offsets.push(this.items.length);
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.offsets.take()]);
    this.items.flush(into);
    this.offsets.push(0);
  }
}

class FixedListColumn extends Base {
  constructor(
    field: Field,
    private readonly items: Column,
    private readonly width: number,
  ) {
    super(field);
  }
  protected put(value: unknown): void {
    const values = value as ArrayLike<unknown> | null;
    if (values !== null && values.length !== this.width) {
      throw GadoliniumError.expected(
        'wrong-length',
        `${this.width} values`,
        'a fixed-size list',
        `${values.length} values`,
      );
    }
    for (let i = 0; i < this.width; i++) this.items.append(values === null ? 0 : values[i]);
  }
  protected body(into: BatchBody): void {
    this.items.flush(into);
  }
}

class StructColumn extends Base {
  constructor(
    field: Field,
    private readonly children: { name: string; column: Column }[],
  ) {
    super(field);
  }
  protected put(value: unknown): void {
    // Arrow keeps a place in every child for a null struct; the schema has none, and its children may not be null.
    if (value === null) throw GadoliniumError.expected('missing-value', 'an object', 'a struct column', null);
    const object = value as Record<string, unknown>;
    for (const { name, column } of this.children) column.append(object[name]);
  }
  protected body(into: BatchBody): void {
    for (const { column } of this.children) column.flush(into);
  }
}

/** From a plain object text → text. */
class MapColumn extends Base {
  private readonly offsets = new Int32s();
  constructor(
    field: Field,
    private readonly entries: Column,
  ) {
    super(field);
    this.offsets.push(0);
  }
  protected put(value: unknown): void {
    if (value !== null)
      for (const [key, text] of Object.entries(value as object)) this.entries.append({ key, value: text });
    this.offsets.push(this.entries.length);
  }
  protected body(into: BatchBody): void {
    into.buffers.push([this.offsets.take()]);
    this.entries.flush(into);
    this.offsets.push(0);
  }
}

/** A column for a field of the schema; dictionaries it meets are added to `dictionaries` (id → texts). */
export function columnFor(field: Field, dictionaries: Map<number, DictionaryTexts>): Column {
  const type: DataType = field.type;
  switch (type.typeId) {
    case Type.Dictionary: {
      const { id } = type as Dictionary;
      const texts = dictionaries.get(id) ?? new DictionaryTexts(id, field.name);
      dictionaries.set(id, texts);
      return new DictionaryColumn(field, texts);
    }
    case Type.Int:
      return new NumberColumn(field, integersOf((type as DataType & { bitWidth: number }).bitWidth));
    case Type.Float:
      return new NumberColumn(field, new Float32s());
    case Type.Bool:
      return new BoolColumn(field);
    case Type.Utf8:
      return new BytesColumn(field, true);
    case Type.Binary:
      return new BytesColumn(field, false);
    case Type.FixedSizeBinary:
      return new FixedBytesColumn(field, (type as FixedSizeBinary).byteWidth);
    case Type.List:
      return new ListColumn(field, columnFor((type as List).children[0]!, dictionaries));
    case Type.FixedSizeList:
      return new FixedListColumn(
        field,
        columnFor((type as FixedSizeList).children[0]!, dictionaries),
        (type as FixedSizeList).listSize,
      );
    case Type.Struct:
      return new StructColumn(
        field,
        (type as Struct).children.map((child) => ({ name: child.name, column: columnFor(child, dictionaries) })),
      );
    case Type.Map:
      return new MapColumn(field, columnFor((type as Map_).children[0]!, dictionaries));
    default:
      throw GadoliniumError.expected('unknown-type', 'a type of the schema', `column ${field.name}`, String(type));
  }
}

function integersOf(bits: number): AnyNumbers {
  if (bits === 8) return new Int8s();
  if (bits === 16) return new Int16s();
  if (bits === 32) return new Int32s();
  throw GadoliniumError.expected('unknown-type', 'integers of 8, 16 or 32 bits', 'a column', bits);
}
