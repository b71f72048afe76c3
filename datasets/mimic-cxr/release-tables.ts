/** The tables beside MIMIC-CXR and MIMIC-CXR-JPG: which images there are, how they were made, splits and labels. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

export type Cells = Record<string, string>;

/** A row of a table, or why it is none; `row` counts data rows from 1. */
export type TableLine = { row: number; cells: Cells } | { row: number; fault: string };

/**
 * Newest version of a table in a folder, plain or gzipped: mimic-cxr-2.0.0-split.csv.gz for 'split'. undefined: none.
 */
export function versionedTable(folder: string, name: string): string | undefined {
  const pattern = new RegExp(`^mimic-cxr-\\d+\\.\\d+\\.\\d+-${name}\\.csv(?:\\.gz)?$`, 'u');
  const found = existsSync(folder) ? readdirSync(folder).filter((file) => pattern.test(file)) : [];
  const newest = found.sort().at(-1);
  return newest === undefined ? undefined : join(folder, newest);
}

/** A table of a fixed name, plain or gzipped. */
export function namedTable(folder: string, name: string): string | undefined {
  return [`${name}.csv.gz`, `${name}.csv`].map((file) => join(folder, file)).find((path) => existsSync(path));
}

/** Lines of a table whose header must have some columns. */
export async function* linesOf(path: string, columns: readonly string[]): AsyncGenerator<TableLine> {
  let checked = false;
  for await (const found of tableRows(path)) {
    if ('fault' in found) {
      yield found;
      continue;
    }
    if (!checked) {
      const missing = columns.find((column) => !(column in found.values));
      if (missing !== undefined)
        throw GadoliniumError.expected('no-column', `column '${missing}'`, path, Object.keys(found.values).join(', '));
      checked = true;
    }
    yield { row: found.row, cells: found.values as Cells };
  }
}

/** One column by another; lines that are none are an error: what they said would be missing unseen. */
export async function columnBy(path: string, key: string, value: string): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  for await (const line of linesOf(path, [key, value])) out.set(cellsOf(line, path)[key]!, cellsOf(line, path)[value]!);
  return out;
}

export function cellsOf(line: TableLine, path: string): Cells {
  if ('cells' in line) return line.cells;
  throw new GadoliniumError('bad-table', `expected a whole row ${line.row} for ${path} but got ${line.fault}`);
}

export const fileName = (path: string) => basename(path);
