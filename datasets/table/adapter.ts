/** Any table of a user's own: one row a study, columns of image paths and of texts. */
import { dirname, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type {
  AdapterContext,
  DatasetAdapter,
  LabelVocabulary,
  Modality,
  Origin,
  SourceImage,
  SourceLabel,
  SourceReject,
  SourceRow,
  TextKind,
} from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

const names = z.array(z.string()).default([]);
const options = z.strictObject({
  /** Columns of image paths (Parquet also: bytes), and columns of texts. */
  image: names,
  text: names,
  /** Column whose equal values stay in one split: the patient. */
  group: z.string().optional(),
  split: z.string().optional(),
  label: names,
  /** Column of unique row names; without it the row's number. */
  id: z.string().optional(),
  /** Folder that relative image paths start from; default: the table's. */
  root: z.string().optional(),
  modality: z.string().default('UNKNOWN'),
  kind: z.string().default('caption'),
  lang: z.string().default('en'),
});
type Options = z.infer<typeof options>;

const FINDING_STATES: Record<string, SourceLabel['state']> = { '1': 'positive', '0': 'negative', '-1': 'uncertain' };
/** Class columns with more values than this are texts by mistake. */
const MOST_CLASSES = 10_000;

const adapter: DatasetAdapter<Options> = {
  name: 'table',
  title: 'a table of image paths and texts',
  version: '1',
  licence: 'user',
  licenceText: 'as the user of the table has it',
  access: 'give the table with --from: CSV, TSV, JSON lines or Parquet',
  modalities: ['UNKNOWN'],
  options: options as z.ZodType<Options>,

  async describe(context) {
    const { image, text, label, split, group, id } = context.options;
    if (image.length === 0 && text.length === 0) {
      throw GadoliniumError.expected('bad-option', 'at least one --image or --text column', 'prepare table', undefined);
    }
    await checkColumns(
      context,
      [...image, ...text, ...label, split, group, id].filter((name) => name !== undefined),
    );
    const by = group === undefined ? 'row' : `column '${group}'`;
    return {
      labels: await vocabularies(context),
      splitRule:
        split === undefined
          ? `drawn by the hash of the ${by}: train 0.8, valid 0.1, test 0.1`
          : `column '${split}' of the table`,
    };
  },

  async *rows(context) {
    const finding = new Set((await vocabularies(context)).find((vocabulary) => vocabulary.kind === 'finding')?.names);
    const file = parse(context.from).base;
    for await (const found of tableRows(context.from)) {
      const origin = { file, row: found.row };
      if ('fault' in found) yield { reject: { code: 'bad_row', reason: found.fault, field: 'row', origin } };
      else yield toRow(found.values, origin, context, finding);
    }
  },
};
export default adapter;

/** Columns are looked up once, so that a misspelt name is an error and not a million rejects. */
async function checkColumns({ from }: AdapterContext<Options>, wanted: string[]): Promise<void> {
  for await (const found of tableRows(from)) {
    if ('fault' in found) continue;
    for (const name of wanted) {
      if (name in found.values) continue;
      // JSON lines may leave out empty fields, so its first row does not say what the table has.
      if (/\.(?:jsonl|ndjson)(?:\.gz)?$/.test(from)) continue;
      throw GadoliniumError.expected(
        'no-column',
        `one of the columns ${Object.keys(found.values).join(', ')}`,
        from,
        name,
      );
    }
    return;
  }
}

function toRow(
  values: Record<string, unknown>,
  origin: Origin & { row: number },
  context: AdapterContext<Options>,
  finding: Set<string>,
): SourceRow | SourceReject {
  const { options } = context;
  const images: SourceImage[] = [];
  for (const column of options.image) {
    const image = imageOf(values[column], column, context);
    if (image !== undefined) images.push(image);
  }
  if (options.image.length > 0 && images.length === 0) {
    return { reject: { code: 'missing_image', reason: 'no image path', field: options.image.join(', '), origin } };
  }
  const group = options.group === undefined ? '' : cell(values[options.group]);
  const row: SourceRow = {
    id: (options.id === undefined ? '' : cell(values[options.id])) || `row-${String(origin.row).padStart(7, '0')}`,
    images,
    texts: options.text.map((column, i) => ({
      kind: options.kind as TextKind,
      lang: options.lang,
      body: cell(values[column]),
      origin: 'human',
      group: i,
      field: column,
    })),
    labels: labelsOf(values, options.label, finding),
    origin,
  };
  if (group !== '') row.patient = group;
  if (options.split !== undefined) row.split = cell(values[options.split]);
  return row;
}

/** A path, bytes, or the {bytes, path} that hubs of data sets keep in Parquet. */
function imageOf(value: unknown, column: string, { options, from }: AdapterContext<Options>): SourceImage | undefined {
  const modality = options.modality as Modality;
  if (typeof value === 'object' && value !== null && 'bytes' in value) {
    const { bytes, path } = value as { bytes?: unknown; path?: unknown };
    if (!(bytes instanceof Uint8Array)) return imageOf(path, column, { options, from, home: '' });
    return { id: parse(cell(path)).name || column, bytes, modality, field: column };
  }
  if (value instanceof Uint8Array && looksEncoded(value)) return { id: column, bytes: value, modality, field: column };
  const path = cell(value);
  if (path === '') return undefined;
  const file = isAbsolute(path) ? path : join(options.root ?? dirname(from), path);
  return { id: parse(path).name, file, modality, field: column };
}

/** A path is text without control characters; every picture format starts with or soon has some. */
const looksEncoded = (bytes: Uint8Array) => bytes.subarray(0, 64).some((byte) => byte < 9 || byte === 0xff);

const utf8 = new TextDecoder();

function cell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Uint8Array) return utf8.decode(value);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * A label column that holds only 1, 0, -1 and blanks is a finding of the table's own vocabulary; any other is a class
 * vocabulary of the column's name, its values the classes.
 */
async function vocabularies({ from, options }: AdapterContext<Options>): Promise<LabelVocabulary[]> {
  if (options.label.length === 0) return [];
  const values = new Map(options.label.map((column) => [column, new Set<string>()]));
  for await (const found of tableRows(from)) {
    if ('fault' in found) continue;
    for (const [column, seen] of values) {
      const text = labelText(found.values[column]);
      if (text !== '') seen.add(text);
      if (seen.size > MOST_CLASSES) {
        throw GadoliniumError.expected(
          'bad-label',
          `at most ${MOST_CLASSES} different labels`,
          `column '${column}' of ${from}`,
          'more',
          'is it a column of texts?',
        );
      }
    }
  }
  const findings = [...values].filter(([, seen]) => seen.size > 0 && [...seen].every((text) => text in FINDING_STATES));
  const classes = [...values].filter(([column]) => !findings.some(([name]) => name === column));
  return [
    ...(findings.length > 0
      ? [{ vocab: 'finding', kind: 'finding' as const, names: findings.map(([column]) => column) }]
      : []),
    ...classes.map(([column, seen]) => ({ vocab: column, kind: 'class' as const, names: [...seen].sort() })),
  ];
}

/** 1.0 and true are 1: spreadsheets and data frames write them so. */
function labelText(value: unknown): string {
  if (value === true) return '1';
  if (value === false) return '0';
  const text = cell(value).trim();
  return /^-?[01]\.0*$/.test(text) ? String(Number.parseInt(text, 10)) : text;
}

function labelsOf(values: Record<string, unknown>, columns: string[], findings: Set<string>): SourceLabel[] {
  return columns.flatMap((column): SourceLabel[] => {
    const text = labelText(values[column]);
    if (text === '') return [];
    if (findings.has(column))
      return [{ vocab: 'finding', name: column, value: Number(text), state: FINDING_STATES[text]!, source: 'expert' }];
    return [{ vocab: column, name: text, value: 1, state: 'positive', source: 'expert' }];
  });
}
