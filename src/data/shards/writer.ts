/**
 * Rows into shards: Arrow IPC files of at most a given size. A shard is written beside its name, brought to disk and renamed,
 * so that a file with a shard's name is whole. The same rows give the same bytes.
 */
import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from 'apache-arrow';
import { ArrowFile } from './arrow-file.js';
import { type BatchBody, type Column, columnFor, type DictionaryTexts } from './columns.js';

export interface ShardLimits {
  /** Bytes of one file, not counting dictionaries and footer; a single larger record batch still gets its own. */
  shardBytes: number;
  /** Rows and bytes of one record batch. */
  batchRows: number;
  batchBytes: number;
}

/** Files stay under 1 GiB: 8 MiB are left for dictionaries, footer and padding, which the count of a batch leaves out. */
export const SHARD_LIMITS: ShardLimits = { shardBytes: 2 ** 30 - 2 ** 23, batchRows: 512, batchBytes: 240 * 2 ** 20 };

/** One finished file, as it stands in dataset.json. */
export interface ShardEntry {
  file: string;
  rows: number;
  bytes: number;
  batches: number;
  sha256: string;
}

/** A row as plain values by column name. */
export type Row = Record<string, unknown>;

export const shardName = (index: number) => `shard-${String(index).padStart(5, '0')}.arrow`;

/** Collects one record batch at a time and puts it into the current shard. */
export class ShardWriter {
  private file: ArrowFile | undefined;
  private dictionaries = new Map<number, DictionaryTexts>();
  private columns: { name: string; column: Column }[] = [];
  private rows = 0;

  constructor(
    private readonly folder: string,
    private readonly schema: Schema,
    private readonly limits: ShardLimits = SHARD_LIMITS,
    /** Number of the first shard to write: what a resumed preparation goes on from. */
    private index = 0,
  ) {
    this.open();
  }

  /** Bytes of the current shard so far. */
  get bytes(): number {
    return this.file?.bytes ?? 0;
  }

  /** Writes one record batch. When it does not fit, the current shard is finished first and given to `finished`. */
  batch(rows: readonly Row[], finished: (shard: ShardEntry) => void): void {
    if (rows.length === 0) return;
    // Whether it fits is decided by its own bytes, before its words enter this shard's dictionaries.
    const bytes = rows.reduce((sum, row) => sum + byteLength(row), 0);
    if (this.file !== undefined && this.file.bytes + bytes > this.limits.shardBytes) {
      const shard = this.finish();
      if (shard !== undefined) finished(shard);
    }
    for (const row of rows) for (const { name, column } of this.columns) column.append(row[name]);
    const body: BatchBody = { nodes: [], buffers: [] };
    for (const { column } of this.columns) column.flush(body);
    this.file ??= new ArrowFile(`${this.path()}.tmp`, this.schema);
    this.file.batch(rows.length, body);
    this.rows += rows.length;
  }

  /** Finishes the current shard, if it holds anything. */
  finish(): ShardEntry | undefined {
    if (this.file === undefined) return undefined;
    const sha256 = this.file.finish(this.dictionaries.values());
    const entry = {
      file: shardName(this.index),
      rows: this.rows,
      bytes: this.file.bytes,
      batches: this.file.batchCount,
      sha256,
    };
    renameSync(`${this.path()}.tmp`, this.path());
    syncFolder(this.folder);
    this.index++;
    this.open();
    return entry;
  }

  /** Removes the half-written shard. */
  abandon(): void {
    if (this.file === undefined) return;
    this.file.abandon();
    rmSync(`${this.path()}.tmp`, { force: true });
    this.open();
  }

  private path(): string {
    return join(this.folder, shardName(this.index));
  }

  private open(): void {
    this.file = undefined;
    this.rows = 0;
    this.dictionaries = new Map();
    this.columns = this.schema.fields.map((field) => ({
      name: field.name,
      column: columnFor(field, this.dictionaries),
    }));
  }
}

/** Bytes that a row takes in a record batch, near enough to bound its size: what is large is counted exactly. */
export function byteLength(value: unknown): number {
  if (value === null || value === undefined) return 1;
  if (typeof value === 'string') return 4 + 3 * value.length;
  if (typeof value !== 'object') return 8;
  if (ArrayBuffer.isView(value)) return 4 + value.byteLength;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + byteLength(item), 4);
  return Object.values(value).reduce<number>((sum, item) => sum + byteLength(item), 0);
}

/** A rename is only lasting once its folder is on disk. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
