/** The main part of a preparation: rows in, record batches out, and what must be remembered at each shard's end. */
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GadoliniumError } from '../../errors.js';
import { VERSION } from '../../package.js';
import type { AdapterContext, DatasetAdapter, LabelVocabulary, SourceDescription } from '../adapter.js';
import { type Manifest, REJECTS_FILE, type ShardSummary, writeManifest } from '../manifest.js';
import { type PictureOptions, pictureRecipe } from '../pictures/picture.js';
import type { PrepareNews, RejectLine } from '../prepare-events.js';
import { datasetSchema, RESERVED_COLUMNS, SCHEMA_VERSION } from '../shards/schema.js';
import { byteLength, type ShardEntry, type ShardLimits, ShardWriter } from '../shards/writer.js';
import { FRACTIONS } from '../split.js';
import type { TextTokenizer } from '../tokenizer/tokenizer.js';
import { orderedMap } from './ordered-map.js';
import { type PrepareState, removeState, saveState } from './prepare-state.js';
import { recordOf } from './row-record.js';
import { type KeptRow, keptTexts, lineFor, type WorkedRow, workOn } from './row-work.js';
import { numberedRows, splitOfRow } from './survey.js';
import { Tally } from './tally.js';

export interface PreparationPlan {
  adapter: DatasetAdapter;
  context: AdapterContext<unknown>;
  description: SourceDescription;
  picture: PictureOptions;
  limits: ShardLimits;
  tokenizer: TextTokenizer;
  to: string;
  workers: number;
  total: number;
  source: string;
  fingerprint: string;
  decisive: Record<string, unknown>;
  limit: number | undefined;
  onError: 'skip' | 'stop';
  maxRejects: number;
  emit: (news: PrepareNews) => void;
  stopped: () => void;
}

const CREATED_BY = `gadolinium ${VERSION}`;

/** Milliseconds between two progress events. */
const PROGRESS_EVERY = 500;

export class Preparation {
  private readonly tally = new Tally();
  private readonly recipe: string;
  private readonly metadata: Map<string, string>;
  private state!: PrepareState;
  private rejects: RejectLine[] = [];
  private rejectedRows = 0;
  private writer!: ShardWriter;
  /** The record batch being gathered: kept rows in order, their bytes, and the rejects among them. */
  private rows: KeptRow[] = [];
  private bytes = 0;
  private batchRejects: RejectLine[] = [];
  /** Rows by split in the current shard. */
  private shardSplits: Record<string, number> = {};

  constructor(private readonly plan: PreparationPlan) {
    this.recipe = pictureRecipe(plan.picture);
    this.metadata = metadataOf(plan, this.recipe);
    for (const name of Object.keys(plan.description.arrays ?? {})) {
      if (RESERVED_COLUMNS.has(name))
        throw GadoliniumError.expected(
          'bad-column',
          'a name of its own',
          `a column of numbers of ${plan.adapter.name}`,
          name,
        );
    }
  }

  async run(state: PrepareState, rejects: RejectLine[]): Promise<Manifest> {
    this.state = state;
    this.rejects = rejects;
    this.rejectedRows = rejects.filter((reject) => reject.dropped === 'row').length;
    const { plan } = this;
    this.writer = new ShardWriter(
      plan.to,
      datasetSchema(this.metadata, plan.description),
      plan.limits,
      state.shards.length,
    );
    saveState(plan.to, state);
    if (!existsSync(this.rejectsPath)) writeFileSync(this.rejectsPath, '');
    const pace = new Pace(plan, state.consumed);
    try {
      const numbered = this.behindFinished(numberedRows(plan.adapter, plan.context, plan.limit));
      const work = (row: Parameters<typeof workOn>[0]) => workOn(row, plan.picture, plan.description);
      for await (const worked of orderedMap(numbered, 2 * plan.workers, work)) {
        plan.stopped();
        await this.take(worked);
        pace.tell(worked.ordinal + 1, this.rejectedRows, this.writtenBytes);
      }
      await this.flush(plan.total);
      this.close(this.writer.finish(), { ...this.snapshot(), consumed: plan.total });
    } catch (error) {
      this.writer.abandon();
      throw error;
    }
    this.refuseTooManyRejects();
    if (this.tally.rows === 0) {
      throw GadoliniumError.expected(
        'no-rows',
        'at least one usable row',
        plan.adapter.name,
        `${this.rejectedRows} rejected ones`,
        `read ${this.rejectsPath}`,
      );
    }
    const manifest = this.manifest();
    writeManifest(plan.to, manifest);
    removeState(plan.to);
    return manifest;
  }

  private get rejectsPath(): string {
    return join(this.plan.to, REJECTS_FILE);
  }

  private get writtenBytes(): number {
    return this.state.shards.reduce((sum, shard) => sum + shard.bytes, 0) + this.writer.bytes + this.bytes;
  }

  /** Counts the rows that finished shards hold, without decoding them again, and gives the others. */
  private async *behindFinished(source: ReturnType<typeof numberedRows>): ReturnType<typeof numberedRows> {
    const { consumed, flags } = this.state;
    const gone = new Set(this.rejects.filter((reject) => reject.dropped === 'row').map((reject) => reject.ordinal));
    let counting = consumed > 0;
    for await (const numbered of source) {
      if (numbered.ordinal >= consumed) {
        if (counting) this.tally.flags = { ...flags };
        counting = false;
        yield numbered;
      } else if (!('reject' in numbered.item) && !gone.has(numbered.ordinal)) {
        const row = numbered.item;
        this.tally.count(
          { row, texts: keptTexts(row), flags: [] },
          splitOfRow(this.plan.adapter.name, row, this.plan.description),
        );
      }
    }
    if (counting) this.tally.flags = { ...flags };
  }

  private async take(worked: WorkedRow): Promise<void> {
    if (worked.row !== undefined && this.isKnown(worked.row.id)) {
      worked.rejects = [
        lineFor(worked.row, worked.ordinal)('row', 'duplicate_id', `a row of this id came before`, 'sample_id'),
      ];
      delete worked.row;
    }
    for (const reject of worked.rejects) this.reject(reject);
    if (worked.row === undefined) return;
    const bytes =
      [...worked.images, ...worked.priorImages].reduce((sum, { picture }) => sum + picture.data.length, 0) +
      byteLength(worked.row.arrays) +
      byteLength(worked.texts);
    const { batchRows, batchBytes } = this.plan.limits;
    if (this.rows.length > 0 && (this.rows.length >= batchRows || this.bytes + bytes > batchBytes))
      await this.flush(worked.ordinal);
    this.rows.push(worked as KeptRow);
    this.bytes += bytes;
  }

  private isKnown(id: string): boolean {
    return this.tally.knows(id) || this.rows.some((kept) => kept.row.id === id);
  }

  private reject(reject: RejectLine): void {
    this.batchRejects.push(reject);
    if (this.plan.onError === 'stop') {
      const where = reject.row === null ? reject.file : `${reject.file} row ${reject.row}`;
      throw new GadoliniumError(
        'rejected',
        `expected a usable ${reject.field} for ${where} but got ${reject.code}: ${reject.reason}`,
        {
          advice: 'mend the row, or leave it out with --on-error skip',
        },
      );
    }
    if (reject.dropped === 'row') this.rejectedRows++;
    this.plan.emit({ type: 'reject', reject });
    if (this.rejectedRows > this.plan.maxRejects * this.plan.total && this.rejectedRows > 100)
      this.refuseTooManyRejects();
  }

  private refuseTooManyRejects(): void {
    const { maxRejects, total, to } = this.plan;
    if (this.rejectedRows <= maxRejects * total) return;
    const share = ((100 * this.rejectedRows) / total).toFixed(1);
    throw new GadoliniumError(
      'too-many-rejects',
      `expected at most ${100 * maxRejects} % rejected rows for ${this.plan.adapter.name} but got ${this.rejectedRows} of ${total} (${share} %)`,
      {
        advice: `read ${join(to, REJECTS_FILE)}; then mend the source, or allow more with --max-rejects ${Math.min(1, Math.ceil((100 * this.rejectedRows) / total) / 100)} --resume`,
      },
    );
  }

  /** What the state says if a shard ends before the batch that is being gathered. */
  private snapshot(): Omit<PrepareState, 'shards'> {
    return {
      fingerprint: this.plan.fingerprint,
      consumed: this.state.consumed,
      rejectBytes: statSync(this.rejectsPath).size,
      channels: { ...this.state.channels },
      longestTokens: this.state.longestTokens,
      flags: { ...this.tally.flags },
    };
  }

  /** Writes the gathered batch. @param upTo the first source row that does not belong to it */
  private async flush(upTo: number): Promise<void> {
    const before = this.snapshot();
    const { plan, rows } = this;
    const ids = await plan.tokenizer.encodeSentences(rows.flatMap((kept) => kept.texts.map((text) => text.body)));
    const splits: Record<string, number> = {};
    let at = 0;
    const records = rows.map((kept) => {
      const split = splitOfRow(plan.adapter.name, kept.row, plan.description);
      this.tally.count(kept, split);
      splits[split] = (splits[split] ?? 0) + 1;
      for (const { picture } of [...kept.images, ...kept.priorImages])
        this.state.channels[picture.channels] = (this.state.channels[picture.channels] ?? 0) + 1;
      const tokens = ids.slice(at, at + kept.texts.length);
      at += kept.texts.length;
      for (const text of tokens)
        this.state.longestTokens = Math.max(
          this.state.longestTokens,
          text.reduce((sum, ids) => sum + ids.length, 0),
        );
      return recordOf(kept, split, tokens, {
        adapter: plan.adapter,
        description: plan.description,
        recipe: this.recipe,
      });
    });
    this.writer.batch(records, (shard) => this.close(shard, before));
    for (const [split, count] of Object.entries(splits))
      this.shardSplits[split] = (this.shardSplits[split] ?? 0) + count;
    if (this.batchRejects.length > 0)
      appendFileSync(this.rejectsPath, this.batchRejects.map((reject) => `${JSON.stringify(reject)}\n`).join(''));
    this.rejects.push(...this.batchRejects);
    this.state.consumed = upTo;
    this.rows = [];
    this.bytes = 0;
    this.batchRejects = [];
  }

  /** A shard is finished: what comes before it need not be done again. */
  private close(shard: ShardEntry | undefined, at: Omit<PrepareState, 'shards'>): void {
    if (shard === undefined) return;
    const summary: ShardSummary = { ...shard, splits: this.shardSplits };
    this.shardSplits = {};
    this.state.shards.push(summary);
    synced(this.rejectsPath);
    saveState(this.plan.to, { ...at, shards: this.state.shards });
    this.plan.emit({ type: 'shard', shard: summary });
  }

  private manifest(): Manifest {
    const { plan, state, tally } = this;
    const byReason: Record<string, number> = {};
    for (const { code } of this.rejects) byReason[code] = (byReason[code] ?? 0) + 1;
    const leaks = tally.leaks();
    if (leaks.count > 0) {
      plan.emit({
        type: 'warning',
        code: 'patient-leak',
        message: `${leaks.count} patients have rows in more than one split, such as ${leaks.names.slice(0, 3).join(', ')}`,
      });
    }
    const hasImages = Object.keys(state.channels).length > 0;
    const { size, fit, store, quality } = plan.picture;
    return {
      format: 'gadolinium-dataset',
      schema_version: SCHEMA_VERSION,
      name: plan.adapter.name,
      title: plan.adapter.title,
      licence: plan.adapter.licence,
      dataset_version: plan.adapter.version,
      created_by: CREATED_BY,
      options: plan.decisive,
      fingerprint: plan.fingerprint,
      source: plan.source,
      rows: tally.rows,
      splits: tally.splits(),
      split_rule: splitRule(plan),
      patients_in_several_splits: leaks,
      row_ids_sha256: tally.rowIds(),
      shards: state.shards,
      images: hasImages
        ? {
            size,
            fit,
            store,
            quality: store === 'jpeg' ? quality : null,
            channels: state.channels,
            recipe: this.recipe,
          }
        : null,
      texts: { count: tally.texts, duplicates: tally.duplicateTexts, longest_tokens: state.longestTokens },
      tokenizer: plan.tokenizer.summary,
      labels: withOffsets(plan.description.labels ?? []),
      arrays: plan.description.arrays ?? {},
      prompts: plan.description.prompts ?? [],
      flags: sorted(tally.flags),
      rejects: {
        rows: this.rejectedRows,
        parts: this.rejects.filter((reject) => reject.dropped !== 'row').length,
        by_reason: sorted(byReason),
        file: REJECTS_FILE,
      },
      metadata: Object.fromEntries(this.metadata),
    };
  }
}

const sorted = <T>(map: Record<string, T>) =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));

function synced(path: string): void {
  const file = openSync(path, 'r');
  fsyncSync(file);
  closeSync(file);
}

function withOffsets(vocabularies: readonly LabelVocabulary[]): Manifest['labels'] {
  let offset = 0;
  return vocabularies.map((vocabulary) => {
    const placed = { ...vocabulary, offset };
    offset += vocabulary.names.length;
    return placed;
  });
}

function splitRule({ description }: PreparationPlan): string {
  const { train, valid, test } = description.fractions ?? FRACTIONS;
  return (
    description.splitRule ??
    `as the source says; where it says nothing, drawn by the hash of the patient or group with chances train ${train}, valid ${valid}, test ${test}`
  );
}

/** Key → value of every shard's schema. Nothing here may depend on rows that come later. */
function metadataOf(plan: PreparationPlan, recipe: string): Map<string, string> {
  const { adapter, description, tokenizer, picture } = plan;
  const labels = withOffsets(description.labels ?? []);
  return new Map([
    ['schema_version', String(SCHEMA_VERSION)],
    ['dataset_version', adapter.version],
    ['created_by', CREATED_BY],
    ['label_vocab', JSON.stringify(labels.flatMap((vocabulary) => vocabulary.names))],
    ['label_vocabularies', JSON.stringify(labels)],
    ['tokenizer', tokenizer.summary.name],
    ['tokenizer_sha256', tokenizer.summary.sha256],
    ['tokenizer_special', JSON.stringify(tokenizer.summary.special)],
    ['recipe', JSON.stringify({ recipe, ...picture })],
    ['arrays', JSON.stringify(description.arrays ?? {})],
    ['licence_text', adapter.licenceText],
    ['patient_split_rule', splitRule(plan)],
  ]);
}

/** Says how fast it goes, at most twice a second. */
class Pace {
  private readonly begun = performance.now();
  private last = this.begun;
  constructor(
    private readonly plan: PreparationPlan,
    private readonly from: number,
  ) {}

  tell(rows: number, rejected: number, bytes: number): void {
    const now = performance.now();
    const { total } = this.plan;
    if (now - this.last < PROGRESS_EVERY && rows < total) return;
    this.last = now;
    const rowsPerSecond = ((rows - this.from) * 1000) / (now - this.begun);
    const secondsLeft = rowsPerSecond > 0 ? (total - rows) / rowsPerSecond : null;
    this.plan.emit({ type: 'prepare-progress', rows, total, rejected, bytes, rowsPerSecond, secondsLeft });
  }
}
