/**
 * Where the columns of an Arrow IPC file lie: read from its footer and the metadata of its record batches alone, so that native
 * threads can read the mapped file themselves. No byte of a body passes through here but the words of dictionaries.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import {
  type DataType,
  type Dictionary,
  type FixedSizeList,
  type Float,
  type Int,
  Precision,
  type Schema,
  Type,
} from 'apache-arrow';
import { type FileBlock, Footer } from 'apache-arrow/ipc/metadata/file';
import {
  type BufferRegion,
  type DictionaryBatch,
  type FieldNode,
  Message,
  type RecordBatch,
} from 'apache-arrow/ipc/metadata/message';
import { GadoliniumError } from '../../errors.js';
import { checkFooter, checkMessage } from './arrow-metadata.js';

/** One Arrow array inside a file; offsets in bytes from its start, -1 = absent. The form that native/data/dataset.h reads. */
export interface ColumnPlace {
  type: string;
  length: number;
  offset: number;
  validity: number;
  offsets: number;
  values: number;
  /** Size of the values buffer. */
  bytes: number;
  /** fixed-list: values a row. */
  width: number;
  /** dictionary: type of the indices. */
  index?: string;
  children: Record<string, ColumnPlace>;
  /** dictionary: number in the shard's list. */
  dictionary?: number;
}

export interface ShardPlaces {
  dictionaries: string[][];
  batches: { rows: number; columns: Record<string, ColumnPlace> }[];
}

const MAGIC = 'ARROW1';

/** Throws GadoliniumError `bad-shard` naming the file: not Arrow, cut short, compressed. */
export function shardPlaces(path: string): ShardPlaces {
  const file = new OpenFile(path);
  try {
    return file.places();
  } catch (error) {
    throw error instanceof GadoliniumError ? error : file.damaged((error as Error).message);
  } finally {
    file.close();
  }
}

class OpenFile {
  readonly #file: number;
  readonly #size: number;

  constructor(private readonly path: string) {
    try {
      this.#file = openSync(path, 'r');
    } catch (error) {
      throw this.damaged((error as Error).message);
    }
    this.#size = fstatSync(this.#file).size;
  }

  close(): void {
    closeSync(this.#file);
  }

  damaged(got: string): GadoliniumError {
    return GadoliniumError.expected(
      'bad-shard',
      'a whole, uncompressed Arrow IPC file',
      this.path,
      got,
      'prepare the data set again',
    );
  }

  places(): ShardPlaces {
    if (this.#size < 24) throw this.damaged(`a file of ${this.#size} bytes`);
    const end = Buffer.from(this.#read(this.#size - 10, 10));
    if (end.toString('latin1', 4) !== MAGIC) throw this.damaged('a file without the closing mark (cut short?)');
    const length = end.readInt32LE(0);
    const bytes = this.#read(this.#size - 10 - length, length);
    checkFooter(bytes);
    const footer = Footer.decode(bytes);
    const { numbers, dictionaries } = this.#dictionaries(footer);
    const batches = [...footer.recordBatches()].map((block) => {
      const header = this.#header<RecordBatch>(block);
      const walk = new Walk(header, block.offset + block.metaDataLength, numbers, (got) => this.damaged(got));
      return { rows: header.length, columns: walk.columns(footer.schema) };
    });
    return { dictionaries, batches };
  }

  #dictionaries(footer: Footer): { numbers: Map<number, number>; dictionaries: string[][] } {
    const numbers = new Map<number, number>();
    const dictionaries: string[][] = [];
    for (const block of footer.dictionaryBatches()) {
      const header = this.#header<DictionaryBatch>(block);
      const type = footer.schema.dictionaries.get(header.id);
      if (!type || header.isDelta) throw this.damaged(`a dictionary ${header.id} that is delta or of no column`);
      numbers.set(header.id, dictionaries.length);
      // Only dictionaries of texts are read by inputs; of others the place alone is kept.
      if (type.typeId !== Type.Utf8) {
        dictionaries.push([]);
        continue;
      }
      dictionaries.push(this.#words(header.data, block.offset + block.metaDataLength));
    }
    return { numbers, dictionaries };
  }

  /** The texts of a dictionary; a word that is null has no length. */
  #words({ nodes, buffers }: RecordBatch, body: number): string[] {
    const [node, [, places, values]] = [nodes[0], buffers];
    if (!node || !places || !values || places.length < 4 * (node.length + 1)) {
      if (node?.length === 0) return [];
      throw this.damaged('a dictionary without its words');
    }
    const at = new DataView(this.#read(body + places.offset, 4 * (node.length + 1)).buffer);
    const bytes = Buffer.from(this.#read(body + values.offset, values.length).buffer);
    return Array.from({ length: node.length }, (_, i) => {
      const [from, to] = [at.getInt32(4 * i, true), at.getInt32(4 * i + 4, true)];
      if (from < 0 || to < from || to > bytes.length) throw this.damaged('a dictionary whose words leave it');
      return bytes.toString('utf8', from, to);
    });
  }

  #header<H>(block: FileBlock): H {
    // Eight bytes stand before the message: the continuation mark and its length.
    const bytes = this.#read(block.offset + 8, block.metaDataLength - 8);
    checkMessage(bytes);
    const message = Message.decode(bytes);
    const header = message.header() as unknown as H & { compression?: unknown; data?: { compression: unknown } };
    if (header.compression ?? header.data?.compression) throw this.damaged('compressed record batches');
    return header;
  }

  #read(position: number, length: number): Uint8Array {
    if (position < 0 || length < 0 || position + length > this.#size) {
      throw this.damaged(`a place (byte ${position}, ${length} bytes) outside its ${this.#size} bytes`);
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.#file, bytes, done, length - done, position + done);
      if (got === 0) throw this.damaged('an end while reading');
      done += got;
    }
    return bytes;
  }
}

/** Goes through the nodes and buffers of a record batch in the order of the schema. */
class Walk {
  #node = 0;
  #buffer = 0;

  constructor(
    private readonly header: RecordBatch,
    private readonly body: number,
    private readonly dictionaries: Map<number, number>,
    private readonly damaged: (got: string) => GadoliniumError,
  ) {}

  columns(schema: Schema): Record<string, ColumnPlace> {
    return Object.fromEntries(schema.fields.map((field) => [field.name, this.#place(field.type)]));
  }

  #place(type: DataType): ColumnPlace {
    const node = this.header.nodes[this.#node++] as FieldNode | undefined;
    if (!node) throw this.damaged('fewer columns than its schema has');
    const place: ColumnPlace = {
      type: nameOf(type),
      length: node.length,
      offset: 0,
      validity: -1,
      offsets: -1,
      values: -1,
      bytes: 0,
      width: 0,
      children: {},
    };
    if (type.typeId === Type.Null) return place;
    const validity = this.#region();
    if (node.nullCount > 0 && validity.length > 0) place.validity = this.body + validity.offset;
    switch (type.typeId) {
      case Type.Struct:
        break;
      case Type.FixedSizeList:
        place.width = (type as FixedSizeList).listSize;
        break;
      case Type.List:
      case Type.LargeList:
      case Type.Map:
        place.offsets = this.#offsets();
        break;
      case Type.Utf8:
      case Type.LargeUtf8:
      case Type.Binary:
      case Type.LargeBinary:
        place.offsets = this.#offsets();
        this.#values(place);
        break;
      case Type.Dictionary: {
        this.#values(place);
        const { id, indices } = type as Dictionary;
        const number = this.dictionaries.get(id);
        if (number === undefined) throw this.damaged(`a column of the dictionary ${id}, which it lacks`);
        place.dictionary = number;
        place.index = nameOf(indices);
        return place;
      }
      default:
        this.#values(place);
    }
    for (const child of type.children ?? []) place.children[child.name] = this.#place(child.type);
    return place;
  }

  #region(): BufferRegion {
    const region = this.header.buffers[this.#buffer++] as BufferRegion | undefined;
    if (!region) throw this.damaged('fewer buffers than its schema needs');
    return region;
  }

  #offsets(): number {
    const region = this.#region();
    return region.length > 0 ? this.body + region.offset : -1;
  }

  #values(place: ColumnPlace): void {
    const region = this.#region();
    place.values = this.body + region.offset;
    place.bytes = region.length;
  }
}

function nameOf(type: DataType): string {
  switch (type.typeId) {
    case Type.List:
      return 'list';
    case Type.LargeList:
      return 'large-list';
    case Type.FixedSizeList:
      return 'fixed-list';
    case Type.Struct:
      return 'struct';
    case Type.Binary:
      return 'binary';
    case Type.LargeBinary:
      return 'large-binary';
    case Type.Utf8:
      return 'utf8';
    case Type.LargeUtf8:
      return 'large-utf8';
    case Type.Bool:
      return 'bool';
    case Type.Dictionary:
      return 'dictionary';
    case Type.Int:
      return `${(type as Int).isSigned ? 'int' : 'uint'}${(type as Int).bitWidth}`;
    case Type.Float:
      return { [Precision.SINGLE]: 'float32', [Precision.DOUBLE]: 'float64', [Precision.HALF]: 'other' }[
        (type as Float).precision
      ];
    default:
      return 'other';
  }
}
