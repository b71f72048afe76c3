/**
 * Chosen columns of one Arrow IPC file, one record batch at a time. Apache Arrow's own readers load whole record batches,
 * pictures and all; evaluation wants a few labels and texts out of files of a gigabyte. So the buffers of the wanted
 * columns alone are read (their places stand in the batch's metadata) and handed to Arrow's loader.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { type DataType, type Field, makeVector, type Schema, Type, type Vector } from 'apache-arrow';
import { type FileBlock, Footer } from 'apache-arrow/ipc/metadata/file';
import { BufferRegion, type DictionaryBatch, Message, type RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { VectorLoader } from 'apache-arrow/visitor/vectorloader';
import { GadoliniumError } from '../errors.js';

/** A binary column whose values stay on disk: where they begin in the file. */
export interface ValuesOnDisk {
  position: number;
  length: number;
}

export interface BatchColumns {
  rows: number;
  /** Wanted columns by name. */
  columns: Map<string, Vector>;
  /** By path ("images.data"): columns named in `onDisk`; their vectors have offsets but no bytes. */
  onDisk: Map<string, ValuesOnDisk>;
}

const MAGIC = 'ARROW1';

export class ShardColumns {
  private readonly file: number;
  private readonly size: number;
  private readonly blocks: FileBlock[];
  private readonly dictionaryBlocks: FileBlock[];
  private dictionaries: Map<number, Vector> | undefined;
  readonly schema: Schema;

  constructor(private readonly path: string) {
    this.file = openSync(path, 'r');
    try {
      this.size = fstatSync(this.file).size;
      if (this.size < 24) throw this.damaged(`a file of ${this.size} bytes`);
      const end = Buffer.from(this.read(this.size - 10, 10));
      if (end.toString('latin1', 4) !== MAGIC) throw this.damaged('a file without the closing mark (cut short?)');
      const length = end.readInt32LE(0);
      const footer = Footer.decode(this.read(this.size - 10 - length, length));
      this.schema = footer.schema;
      this.blocks = [...footer.recordBatches()];
      this.dictionaryBlocks = [...footer.dictionaryBatches()];
    } catch (error) {
      closeSync(this.file);
      throw error instanceof GadoliniumError ? error : this.damaged((error as Error).message);
    }
  }

  get batchCount(): number {
    return this.blocks.length;
  }

  /** Number of rows of a batch; reads its metadata only. */
  rowsOf(batch: number): number {
    return this.header<RecordBatch>(this.blocks[batch]!).length;
  }

  /** Reads the named columns of a batch; a name that the file lacks is left out of the result. */
  batch(batch: number, names: readonly string[], onDisk: ReadonlySet<string> = new Set()): BatchColumns {
    const block = this.blocks[batch]!;
    const header = this.header<RecordBatch>(block);
    const body = block.offset + block.metaDataLength;
    const result: BatchColumns = { rows: header.length, columns: new Map(), onDisk: new Map() };
    let node = 0;
    let buffer = 0;
    for (const field of this.schema.fields) {
      const span = spanOf(field.type);
      if (names.includes(field.name)) {
        const nodes = header.nodes.slice(node, node + span.nodes);
        const regions = header.buffers.slice(buffer, buffer + span.buffers);
        for (const { path, index } of binaryValues(field, field.name)) {
          if (!onDisk.has(path)) continue;
          const { offset, length } = regions[index]!;
          result.onDisk.set(path, { position: body + offset, length });
          regions[index] = new BufferRegion(offset, 0);
        }
        result.columns.set(field.name, this.load(field.type, nodes, regions, body, this.loadDictionaries()));
      }
      node += span.nodes;
      buffer += span.buffers;
    }
    return result;
  }

  /** Bytes of the file. */
  read(position: number, length: number): Uint8Array {
    if (position < 0 || length < 0 || position + length > this.size) {
      throw this.damaged(`a place (${position}, ${length} bytes) outside its ${this.size} bytes`);
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.file, bytes, done, length - done, position + done);
      if (got === 0) throw this.damaged('an end while reading');
      done += got;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.file);
  }

  /** Gathers the regions into one small body and lets Arrow build the vector. */
  private load(
    type: DataType,
    nodes: RecordBatch['nodes'],
    regions: readonly BufferRegion[],
    body: number,
    dictionaries: Map<number, Vector>,
  ): Vector {
    let total = 0;
    const places = regions.map(({ length }) => {
      const at = total;
      total += Math.ceil(length / 8) * 8;
      return new BufferRegion(at, length);
    });
    const bytes = new Uint8Array(total);
    for (const [i, { offset, length }] of regions.entries()) {
      if (length > 0) bytes.set(this.read(body + offset, length), places[i]!.offset);
    }
    const [data] = new VectorLoader(bytes, nodes, places, dictionaries).visitMany([type]);
    return makeVector(data!);
  }

  private loadDictionaries(): Map<number, Vector> {
    if (this.dictionaries) return this.dictionaries;
    const loaded = new Map<number, Vector>();
    for (const block of this.dictionaryBlocks) {
      const header = this.header<DictionaryBatch>(block);
      const type = this.schema.dictionaries.get(header.id);
      if (!type || header.isDelta) throw this.damaged(`a dictionary ${header.id} that is delta or in no column`);
      const { nodes, buffers } = header;
      loaded.set(header.id, this.load(type, nodes, buffers, block.offset + block.metaDataLength, loaded));
    }
    this.dictionaries = loaded;
    return loaded;
  }

  private header<H>(block: FileBlock): H {
    // Eight bytes stand before the message: the continuation mark and its length.
    const message = Message.decode(this.read(block.offset + 8, block.metaDataLength - 8));
    const header = message.header() as unknown as H & { compression: unknown };
    if (header.compression) throw this.damaged('compressed record batches');
    return header;
  }

  private damaged(got: string): GadoliniumError {
    return GadoliniumError.expected(
      'bad-shard',
      'an uncompressed Arrow IPC file',
      this.path,
      got,
      'prepare the data set again',
    );
  }
}

/** How many nodes and buffers a column takes in a record batch, children included. */
function spanOf(type: DataType): { nodes: number; buffers: number } {
  const span = { nodes: 1, buffers: ownBuffers(type) };
  for (const child of childrenOf(type)) {
    const { nodes, buffers } = spanOf(child.type);
    span.nodes += nodes;
    span.buffers += buffers;
  }
  return span;
}

/** Places (among a column's buffers) of the bytes of its binary leaves, with their paths; list items add no name. */
function binaryValues(field: Field, path: string, start = 0): { path: string; index: number }[] {
  const { type } = field;
  if (type.typeId === Type.Binary || type.typeId === Type.LargeBinary) return [{ path, index: start + 2 }];
  const found: { path: string; index: number }[] = [];
  let at = start + ownBuffers(type);
  for (const child of childrenOf(type)) {
    const name = type.typeId === Type.Struct ? `${path}.${child.name}` : path;
    found.push(...binaryValues(child, name, at));
    at += spanOf(child.type).buffers;
  }
  return found;
}

function childrenOf(type: DataType): readonly Field[] {
  // The words of a dictionary lie in batches of their own.
  return type.typeId === Type.Dictionary ? [] : ((type.children as Field[] | null) ?? []);
}

function ownBuffers(type: DataType): number {
  switch (type.typeId) {
    case Type.Null:
      return 0;
    case Type.Struct:
    case Type.FixedSizeList:
      return 1;
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
      return 3;
    default:
      return 2;
  }
}
