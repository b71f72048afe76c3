/** What a person sees of a preparation: one line of progress that is redrawn on a terminal, plain lines elsewhere. */
import type { Writable } from 'node:stream';
import type { PrepareEvent, PrepareFinished } from '../data/prepare-events.js';
import { bytes, count, duration, oneLine } from '../events/wording.js';

/** Rejects named one by one; all are in rejects.jsonl. */
const NAMED_REJECTS = 10;
/** Milliseconds between two lines where nothing can be redrawn. */
const LINE_EVERY = 10_000;

export class PrepareTerminal {
  private rejects = 0;
  private drawn = false;
  private lineAt = 0;

  constructor(private readonly stream: Writable & { isTTY?: boolean }) {}

  show(event: PrepareEvent): void {
    switch (event.type) {
      case 'prepare-started':
        this.line(
          `${event.dataset}: ${count(event.rows)} rows of ${event.from} → ${event.to}${event.resumed > 0 ? `, going on behind row ${count(event.resumed)}` : ''}`,
        );
        break;
      case 'prepare-progress': {
        const left = event.secondsLeft === null ? '' : `, ${duration(event.secondsLeft)} left`;
        const share = Math.floor((100 * event.rows) / event.total);
        this.progress(
          `${share} %  ${count(event.rows)}/${count(event.total)} rows  ${count(event.rowsPerSecond)} rows/s${left}  ${bytes(event.bytes)}  ${count(event.rejected)} rejected`,
          event.time,
        );
        break;
      }
      case 'reject': {
        const { file, row, field, code, reason } = event.reject;
        this.rejects++;
        if (this.rejects <= NAMED_REJECTS)
          this.line(oneLine(`rejected ${file}${row === null ? '' : ` row ${row}`}, ${field}: ${code}: ${reason}`));
        if (this.rejects === NAMED_REJECTS + 1) this.line('further rejects are only listed in rejects.jsonl');
        break;
      }
      case 'shard':
        break;
      case 'warning':
        this.line(oneLine(`warning: ${event.message}`));
        break;
      case 'prepare-finished':
        for (const text of summary(event)) this.line(text);
    }
  }

  private progress(text: string, time: number): void {
    if (this.stream.isTTY) {
      this.stream.write(`\r\x1b[2K${text}`);
      this.drawn = true;
    } else if (time - this.lineAt >= LINE_EVERY) {
      this.lineAt = time;
      this.line(text);
    }
  }

  private line(text: string): void {
    this.stream.write(`${this.drawn ? '\r\x1b[2K' : ''}${text}\n`);
    this.drawn = false;
  }
}

function summary({ manifest, already, seconds }: PrepareFinished): string[] {
  const splits = Object.entries(manifest.splits).map(([split, { rows }]) => `${split} ${count(rows)}`);
  const size = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const shards = `${manifest.shards.length} ${manifest.shards.length === 1 ? 'shard' : 'shards'}`;
  const lines = [
    already
      ? `already prepared: ${count(manifest.rows)} rows (${splits.join(', ')}), nothing to do`
      : `${count(manifest.rows)} rows (${splits.join(', ')}) in ${shards}, ${bytes(size)}, ${duration(seconds)}`,
  ];
  const reasons = Object.entries(manifest.rejects.by_reason).map(([code, number]) => `${code} ${count(number)}`);
  if (reasons.length > 0)
    lines.push(
      `rejected: ${count(manifest.rejects.rows)} rows, ${count(manifest.rejects.parts)} parts of rows (${reasons.join(', ')}), listed in ${manifest.rejects.file}`,
    );
  if (manifest.texts.duplicates > 0)
    lines.push(`${count(manifest.texts.duplicates)} rows repeat the text of another (flag duplicate_text)`);
  if (manifest.patients_in_several_splits.count > 0)
    lines.push(`${count(manifest.patients_in_several_splits.count)} patients have rows in more than one split`);
  return lines;
}
