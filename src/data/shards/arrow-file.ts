/**
 * Writes one Arrow IPC file, uncompressed, record batch by record batch. The format allows the dictionaries to stand behind
 * the record batches (the footer says where), so that a shard can be streamed out before its last word is known. The schema
 * stands at the front as well as in the footer.
 */
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { type MessageHeader, MetadataVersion, type Schema } from 'apache-arrow';
import { FileBlock, Footer } from 'apache-arrow/ipc/metadata/file';
import { BufferRegion, DictionaryBatch, FieldNode, Message, RecordBatch } from 'apache-arrow/ipc/metadata/message';
import type { BatchBody, DictionaryTexts } from './columns.js';

/** Start of every buffer, so that native readers may use aligned vector loads. */
const ALIGNMENT = 64;
const MAGIC = new TextEncoder().encode('ARROW1');

export class ArrowFile {
  private readonly file: number;
  private readonly hash = createHash('sha256');
  private readonly batches: FileBlock[] = [];
  private position = 0;

  constructor(
    path: string,
    private readonly schema: Schema,
  ) {
    this.file = openSync(path, 'w');
    this.write([MAGIC, new Uint8Array(2)]);
    this.message(Message.from(schema), []);
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.position;
  }

  get batchCount(): number {
    return this.batches.length;
  }

  batch(rows: number, body: BatchBody): void {
    const { header, chunks, length } = laidOut(rows, body);
    this.batches.push(this.message(Message.from(header, length), chunks, length));
  }

  /** Writes dictionaries and footer, brings all to disk, and gives the hash of the whole file. */
  finish(dictionaries: Iterable<DictionaryTexts>): string {
    const blocks: FileBlock[] = [];
    for (const texts of dictionaries) {
      const { header, chunks, length } = laidOut(texts.indices.size, dictionaryBody(texts));
      blocks.push(this.message(Message.from(new DictionaryBatch(header, texts.id), length), chunks, length));
    }
    const footer = Footer.encode(new Footer(this.schema, MetadataVersion.V5, this.batches, blocks));
    this.write([
      bytesOf(Int32Array.of(-1, 0)), // end of stream
      footer,
      bytesOf(Int32Array.of(footer.length)),
      MAGIC,
    ]);
    fsyncSync(this.file);
    closeSync(this.file);
    return this.hash.digest('hex');
  }

  /** Gives up: the half-written file is the caller's to remove. */
  abandon(): void {
    closeSync(this.file);
  }

  private message(message: Message<MessageHeader>, chunks: Uint8Array[], bodyLength = 0): FileBlock {
    const start = this.position;
    const metadata = Message.encode(message);
    const aligned = up(start + 8 + metadata.length) - start;
    this.write([bytesOf(Int32Array.of(-1, aligned - 8)), metadata, zeros(aligned - 8 - metadata.length), ...chunks]);
    return new FileBlock(aligned, bodyLength, start);
  }

  private write(chunks: Uint8Array[]): void {
    const small: Uint8Array[] = [];
    const flush = () => {
      if (small.length > 0) this.writeAll(small.length === 1 ? small[0]! : Buffer.concat(small));
      small.length = 0;
    };
    // A system call a picture is cheap beside its copy; one for every few bytes of padding is not.
    let gathered = 0;
    for (const chunk of chunks) {
      if (chunk.length === 0) continue;
      small.push(chunk);
      gathered += chunk.length;
      if (gathered >= 1 << 20) {
        flush();
        gathered = 0;
      }
    }
    flush();
  }

  private writeAll(bytes: Uint8Array): void {
    this.hash.update(bytes);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.file, bytes, done, bytes.length - done);
    this.position += bytes.length;
  }
}

/** Places the buffers of a body one after another and describes them. */
function laidOut(rows: number, body: BatchBody): { header: RecordBatch; chunks: Uint8Array[]; length: number } {
  const chunks: Uint8Array[] = [];
  const regions: BufferRegion[] = [];
  let at = 0;
  for (const buffer of body.buffers) {
    let length = 0;
    for (const chunk of buffer) {
      chunks.push(chunk);
      length += chunk.length;
    }
    regions.push(new BufferRegion(at, length));
    const padding = up(at + length) - (at + length);
    chunks.push(zeros(padding));
    at += length + padding;
  }
  const nodes = body.nodes.map(({ length, nulls }) => new FieldNode(length, nulls));
  return { header: new RecordBatch(rows, nodes, regions, null), chunks, length: at };
}

function dictionaryBody(texts: DictionaryTexts): BatchBody {
  const encoder = new TextEncoder();
  const values = [...texts.indices.keys()].map((text) => encoder.encode(text));
  const offsets = new Int32Array(values.length + 1);
  for (const [i, value] of values.entries()) offsets[i + 1] = offsets[i]! + value.length;
  return { nodes: [{ length: values.length, nulls: 0 }], buffers: [[], [bytesOf(offsets)], values] };
}

const up = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const zeros = (length: number) => new Uint8Array(length);
const bytesOf = (array: Int32Array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
