/** Counts that run over all kept rows in order: splits, patients in several of them, repeated texts and rows. */
import { createHash } from 'node:crypto';
import type { SourceRow, SourceText, Split } from '../adapter.js';
import { groupOf } from './survey.js';

const ORDER: Split[] = ['train', 'valid', 'test', 'extra'];
const EXAMPLES = 100;

export class Tally {
  rows = 0;
  texts = 0;
  duplicateTexts = 0;
  /** Rows by flag. */
  flags: Record<string, number> = {};
  private readonly ids = createHash('sha256');
  private readonly splitRows = new Map<Split, number>();
  /** Patient → one bit a split. */
  private readonly patients = new Map<string, number>();
  private readonly seenIds = new Set<number>();
  private readonly seenTexts = new Set<number>();
  private readonly seenRows = new Set<number>();

  /** Whether a row of this id was counted before: ids must tell rows apart. */
  knows(id: string): boolean {
    return this.seenIds.has(numberOf(id));
  }

  /** Counts a kept row. Adds `duplicate_text` and `duplicate_row` to its flags where they hold. */
  count({ row, texts, flags }: { row: SourceRow; texts: SourceText[]; flags: string[] }, split: Split): void {
    this.rows++;
    this.texts += texts.length;
    this.ids.update(`${row.id}\n`);
    this.seenIds.add(numberOf(row.id));
    this.splitRows.set(split, (this.splitRows.get(split) ?? 0) + 1);
    const patient = row.patient ?? groupOf(row);
    this.patients.set(patient, (this.patients.get(patient) ?? 0) | (1 << ORDER.indexOf(split)));
    if (texts.length > 0) {
      if (repeats(this.seenTexts, saidBy(texts))) {
        this.duplicateTexts++;
        flags.push('duplicate_text');
      }
      const pictures = row.images.map(({ file, id, part }) => [file ?? id, ...Object.values(part ?? {})].join(' '));
      if (row.images.length > 0 && repeats(this.seenRows, JSON.stringify([pictures, texts.map((text) => text.body)])))
        flags.push('duplicate_row');
    }
    for (const flag of new Set(flags)) this.flags[flag] = (this.flags[flag] ?? 0) + 1;
  }

  splits(): Record<string, { rows: number; patients: number }> {
    return Object.fromEntries(
      ORDER.filter((split) => this.splitRows.has(split)).map((split) => {
        const bit = 1 << ORDER.indexOf(split);
        let patients = 0;
        for (const bits of this.patients.values()) if (bits & bit) patients++;
        return [split, { rows: this.splitRows.get(split)!, patients }];
      }),
    );
  }

  /** Patients whose rows are not all in one split. */
  leaks(): { count: number; names: string[] } {
    const names: string[] = [];
    let count = 0;
    for (const [patient, bits] of this.patients) {
      if ((bits & (bits - 1)) === 0) continue;
      count++;
      if (names.length < EXAMPLES) names.push(patient);
    }
    return { count, names };
  }

  rowIds(): string {
    return this.ids.copy().digest('hex');
  }
}

/** What people wrote; template texts repeat by their nature, and count only where there is nothing else. */
function saidBy(texts: readonly SourceText[]): string {
  const human = texts.filter((text) => text.origin !== 'template');
  return JSON.stringify((human.length > 0 ? human : texts).map((text) => text.body));
}

function repeats(seen: Set<number>, text: string): boolean {
  const number = numberOf(text);
  if (seen.has(number)) return true;
  seen.add(number);
  return false;
}

/** 52 bits of a hash: a tenth of the memory of the text, and ten million rows collide once in a hundred data sets. */
export function numberOf(text: string): number {
  const digest = createHash('sha256').update(text).digest();
  return digest.readUIntBE(0, 6) * 16 + (digest[6]! & 15);
}
