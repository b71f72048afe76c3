/** What happens to one source row: pictures decoded, texts looked at, numbers checked; each fault becomes a line of the rejects list. */
import type { Origin, SourceDescription, SourceImage, SourceReject, SourceRow, SourceText } from '../adapter.js';
import { type PictureOptions, type StoredPicture, storedPicture } from '../pictures/picture.js';
import { PictureError } from '../pictures/picture-error.js';
import type { RejectLine } from '../prepare-events.js';
import type { Numbered } from './survey.js';

export interface WorkedImage {
  picture: StoredPicture;
  /** Place among the source row's images. */
  index: number;
}

export interface WorkedRow {
  ordinal: number;
  /** Absent when the whole row was rejected. */
  row?: SourceRow;
  images: WorkedImage[];
  priorImages: WorkedImage[];
  /** Texts with line breaks as \n, blank ones left out. */
  texts: SourceText[];
  flags: string[];
  rejects: RejectLine[];
}

export async function workOn(
  { ordinal, item }: Numbered,
  picture: PictureOptions,
  description: SourceDescription,
): Promise<WorkedRow> {
  const worked: WorkedRow = { ordinal, images: [], priorImages: [], texts: [], flags: [], rejects: [] };
  if ('reject' in item) {
    worked.rejects.push(fromAdapter(item, ordinal));
    return worked;
  }
  const line = lineFor(item, ordinal);
  const fault = wrongNumbers(item, description) ?? wrongLabels(item, description);
  if (fault !== undefined) worked.rejects.push(line('row', fault.code, fault.reason, fault.field));
  else {
    worked.images = await decoded(item.images, 'images', picture, worked, line);
    if (description.priorImages)
      worked.priorImages = await decoded(item.priorImages ?? [], 'priorImages', picture, worked, line);
    lookAtTexts(item, worked, line);
  }
  const nothing =
    worked.images.length === 0 && worked.texts.length === 0 && Object.keys(item.arrays ?? {}).length === 0;
  if (fault === undefined && worked.rejects.length === 0 && nothing) {
    worked.rejects.push(line('row', 'empty_row', 'no image, no text and no numbers', 'row'));
  }
  // A row that lost all pictures, or all texts, is no longer the pair that the source says.
  const lost =
    (item.images.length > 0 && worked.images.length === 0) || (item.texts.length > 0 && worked.texts.length === 0);
  if (lost) for (const reject of worked.rejects) reject.dropped = 'row';
  if (!worked.rejects.some((reject) => reject.dropped === 'row')) {
    worked.row = item;
    worked.flags.push(...(item.flags ?? []), ...worked.images.flatMap((image) => image.picture.flags));
    worked.flags.push(...worked.rejects.map((reject) => reject.code));
  }
  return worked;
}

export type KeptRow = WorkedRow & { row: SourceRow };

type Line = (dropped: RejectLine['dropped'], code: string, reason: string, field: string) => RejectLine;

export function lineFor(row: SourceRow, ordinal: number): Line {
  return (dropped, code, reason, field) => ({
    dropped,
    code,
    reason,
    ...placeOf(row.origin),
    field,
    sample: row.id,
    ordinal,
  });
}

const placeOf = (origin: Origin) => ({ file: origin.file, row: origin.row ?? null });

function fromAdapter({ reject }: SourceReject, ordinal: number): RejectLine {
  const { code, reason, field, origin } = reject;
  return { dropped: 'row', code, reason, ...placeOf(origin), field, sample: null, ordinal };
}

async function decoded(
  images: readonly SourceImage[],
  field: string,
  options: PictureOptions,
  into: WorkedRow,
  line: Line,
): Promise<WorkedImage[]> {
  const out: WorkedImage[] = [];
  for (const [index, image] of images.entries()) {
    try {
      out.push({ index, picture: await storedPicture(image.bytes ?? image.file ?? '', options, image.part) });
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      const name = image.file ?? image.id;
      into.rejects.push(line('image', error.code, `${name}: ${error.message}`, image.field ?? `${field}[${index}]`));
    }
  }
  return out;
}

const withLineBreaks = (text: SourceText): SourceText => ({ ...text, body: text.body.replace(/\r\n?/gu, '\n') });

/** The texts that a row keeps, without a word about the others. */
export function keptTexts(row: SourceRow): SourceText[] {
  return row.texts.filter((text) => text.body.trim() !== '').map(withLineBreaks);
}

function lookAtTexts(row: SourceRow, into: WorkedRow, line: Line): void {
  into.texts = keptTexts(row);
  for (const [index, { body, field }] of row.texts.entries()) {
    if (body.trim() === '') {
      const got = body === '' ? 'an empty text' : 'a text of blanks only';
      into.rejects.push(line('text', 'empty_text', got, field ?? `texts[${index}]`));
    }
  }
}

interface Fault {
  code: string;
  reason: string;
  field: string;
}

function wrongNumbers(row: SourceRow, description: SourceDescription): Fault | undefined {
  for (const [name, values] of Object.entries(row.arrays ?? {})) {
    const { shape, missing = false } = description.arrays?.[name] ?? {};
    if (shape === undefined)
      return { code: 'unknown_array', reason: 'a column of numbers that the data set does not describe', field: name };
    const wanted = shape.reduce((product, length) => product * length, 1);
    if (values.length !== wanted) {
      return {
        code: 'wrong_length',
        reason: `expected ${wanted} numbers (${shape.join(' × ')}) but got ${values.length}`,
        field: name,
      };
    }
    const at = Array.prototype.findIndex.call(
      values,
      (value: number) => !(Number.isFinite(value) || (missing && Number.isNaN(value))),
    );
    if (at >= 0) return { code: 'not_a_number', reason: `value ${at} is ${values[at]}`, field: name };
  }
  return undefined;
}

function wrongLabels(row: SourceRow, description: SourceDescription): Fault | undefined {
  for (const { vocab, name } of row.labels ?? []) {
    const known = description.labels?.find((vocabulary) => vocabulary.vocab === vocab);
    if (!known?.names.includes(name))
      return { code: 'unknown_label', reason: `'${name}' is not in the vocabulary`, field: vocab };
  }
  return undefined;
}
