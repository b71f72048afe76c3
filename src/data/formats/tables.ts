/** Rows of a table file, one plain object each, in order: CSV and TSV (also gzipped), JSON lines, Parquet. */
import { createReadStream, existsSync } from 'node:fs';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip, gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { GadoliniumError } from '../../errors.js';

/** A row by column name, or why a line is none. `row` counts data rows from 1. */
export type TableRow = { row: number; values: Record<string, unknown> } | { row: number; fault: string };

export const FORMATS = ['csv', 'tsv', 'jsonl', 'parquet'] as const;

export async function* tableRows(path: string): AsyncGenerator<TableRow> {
  if (!existsSync(path))
    throw GadoliniumError.expected('no-table', 'a table', '--from', `${path}, which does not exist`);
  const bare = path.endsWith('.gz') ? path.slice(0, -3) : path;
  const kind = extname(bare).slice(1).toLowerCase();
  if (kind === 'csv') yield* separated(path, ',');
  else if (kind === 'tsv' || kind === 'tab') yield* separated(path, '\t');
  else if (kind === 'jsonl' || kind === 'ndjson') yield* jsonLines(path);
  else if (kind === 'parquet' || kind === 'pq') yield* parquet(path);
  else
    throw GadoliniumError.expected(
      'bad-table',
      `a file ending in .${FORMATS.join(', .')} (csv, tsv and jsonl also with .gz)`,
      '--from',
      path,
    );
}

function stream(path: string): NodeJS.ReadableStream {
  const file = createReadStream(path);
  return path.endsWith('.gz') ? file.pipe(createGunzip()).on('error', () => {}) : file;
}

async function* separated(path: string, delimiter: string): AsyncGenerator<TableRow> {
  const parser = parse({ delimiter, bom: true, relax_column_count: true, skip_empty_lines: true });
  const source = stream(path);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  let columns: string[] | undefined;
  let row = 0;
  try {
    for await (const fields of parser as AsyncIterable<string[]>) {
      if (columns === undefined) {
        columns = fields.map((name) => name.trim());
        continue;
      }
      row++;
      if (fields.length !== columns.length)
        yield { row, fault: `${fields.length} fields where the header has ${columns.length}` };
      else yield { row, values: Object.fromEntries(columns.map((name, i) => [name, fields[i]])) };
    }
  } catch (error) {
    throw new GadoliniumError(
      'bad-table',
      `expected a table with '${delimiter === '\t' ? 'tab' : delimiter}' between fields for ${path} but got, behind row ${row}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

async function* jsonLines(path: string): AsyncGenerator<TableRow> {
  let row = 0;
  for await (const line of createInterface({ input: stream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue;
    row++;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      yield { row, fault: `not JSON: ${(error as Error).message}` };
      continue;
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      yield { row, values: value as Record<string, unknown> };
    else yield { row, fault: 'not a JSON object' };
  }
}

/** Rows read at a time. */
const WINDOW = 1000;

async function* parquet(path: string): AsyncGenerator<TableRow> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(file);
    // Snappy is built in; gzip comes from Node. Others end in a sentence that names them.
    const compressors = { GZIP: (bytes: Uint8Array) => new Uint8Array(gunzipSync(bytes)) };
    const rows = Number(metadata.num_rows);
    const top = parquetSchema(metadata).children.map((child) => child.element.name);
    for (let start = 0; start < rows; start += WINDOW) {
      const objects = await parquetReadObjects({
        file,
        metadata,
        compressors,
        columns: top,
        rowStart: start,
        rowEnd: Math.min(rows, start + WINDOW),
        // Binary columns (pictures) must stay bytes.
        utf8: false,
      });
      for (const [i, values] of objects.entries()) yield { row: start + i + 1, values };
    }
  } catch (error) {
    if (error instanceof GadoliniumError) throw error;
    throw new GadoliniumError('bad-table', `expected a Parquet file for ${path} but got: ${(error as Error).message}`, {
      cause: error,
      advice: 'write it with snappy, gzip or no compression',
    });
  }
}
