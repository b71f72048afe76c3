/** The statements of SCP-ECG that cardiologists gave, and the four groups of them that the benchmark of PTB-XL tests. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LabelVocabulary, PromptSet, SourceLabel } from '../../src/data/adapter.js';
import { pythonLiteral } from '../../src/data/formats/python-literals.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { WORDS } from './words.js';

const TABLE = 'scp_statements.csv';

/** Code → name, in each vocabulary that the statement counts for. */
export interface Statements {
  /** By vocabulary: code → what it is called there. */
  groups: Map<string, Map<string, string>>;
  /** By code. */
  descriptions: Map<string, string>;
}

/** A vocabulary's name, and what a line of the table is called in it. */
const GROUPS: Record<string, (cells: Record<string, string>, code: string) => string | undefined> = {
  'ptb-xl-superclass': (cells) => (isOn(cells['diagnostic']) ? cells['diagnostic_class'] : undefined),
  'ptb-xl-subclass': (cells) => (isOn(cells['diagnostic']) ? cells['diagnostic_subclass'] : undefined),
  'ptb-xl-form': (cells, code) => (isOn(cells['form']) ? code : undefined),
  'ptb-xl-rhythm': (cells, code) => (isOn(cells['rhythm']) ? code : undefined),
};

const isOn = (cell = '') => Number(cell) === 1;

export async function statementsOf(from: string): Promise<Statements> {
  const path = join(from, TABLE);
  if (!existsSync(path))
    throw GadoliniumError.expected('no-source', `'${TABLE}'`, `the PTB-XL release ${from}`, 'a folder without it');
  const groups = new Map(Object.keys(GROUPS).map((vocab) => [vocab, new Map<string, string>()]));
  const descriptions = new Map<string, string>();
  for await (const found of tableRows(path)) {
    if ('fault' in found)
      throw new GadoliniumError('bad-table', `expected a whole row ${found.row} for ${path} but got ${found.fault}`);
    const cells = found.values as Record<string, string>;
    // The first column, the code, has no name.
    const code = cells[''] ?? '';
    descriptions.set(code, cells['description'] ?? '');
    for (const [vocab, nameOf] of Object.entries(GROUPS)) {
      const name = nameOf(cells, code);
      if (name) groups.get(vocab)!.set(code, name);
    }
  }
  return { groups, descriptions };
}

const namesOf = (codes: Map<string, string>) => [...new Set(codes.values())].sort();

export const vocabularies = ({ groups }: Statements): LabelVocabulary[] =>
  [...groups].map(([vocab, codes]) => ({ vocab, kind: 'finding', names: namesOf(codes) }));

/** For and against, in the words of words.ts, or else of the table. */
export function promptSets({ groups, descriptions }: Statements): PromptSet[] {
  return [...groups]
    .filter(([, codes]) => codes.size > 0)
    .map(([vocab, codes]) => ({
      name: vocab,
      vocab,
      kind: 'pairs',
      classes: namesOf(codes).map((label) => {
        const words = WORDS[label] ?? descriptions.get(label) ?? label;
        return { label, texts: [words], negative: [label === 'NORM' ? 'abnormal ECG' : `no ${words}`] };
      }),
    }));
}

/** {'NORM': 100.0, 'SR': 0.0}: every statement of a record with its likelihood; 0: not said. A text says why it is none. */
export function codesIn(cell: string, { descriptions }: Statements): Map<string, number> | string {
  const value = pythonLiteral(cell);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `'${cell}' is no dictionary`;
  const unknown = Object.entries(value).find(([code, number]) => !descriptions.has(code) || typeof number !== 'number');
  if (unknown !== undefined) return `'${unknown[0]}': ${unknown[1]} is no statement with a likelihood`;
  return new Map(Object.entries(value) as [string, number][]);
}

/**
 * As the benchmark counts: a statement holds whatever its likelihood, and a record without any statement of a group is not part of
 * that group's test, so its labels are left out.
 */
export function labelsOf(codes: Map<string, number>, { groups }: Statements): SourceLabel[] {
  return [...groups].flatMap(([vocab, known]): SourceLabel[] => {
    const own = new Set([...codes.keys()].flatMap((code) => known.get(code) ?? []));
    if (own.size === 0) return [];
    return namesOf(known).map((name) => ({
      vocab,
      name,
      value: own.has(name) ? 1 : 0,
      state: own.has(name) ? 'positive' : 'negative',
      source: 'expert',
    }));
  });
}
