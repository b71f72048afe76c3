/**
 * The Arrow schema of a prepared data set, one row a study: names and types are the same for every data set, so that
 * training, evaluation and later adapters meet here and nowhere else.
 *
 * Deviation from plain text columns: a text also carries its token ids per sentence, without special tokens
 * (`texts.sentences`), so that training never runs a tokenizer.
 */
import {
  Binary,
  Bool,
  type DataType,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Int8,
  Int16,
  Int32,
  List,
  Map_,
  Schema,
  Struct,
  Utf8,
} from 'apache-arrow';

/** Raised when a reader of the old version could misread the new one. */
export const SCHEMA_VERSION = 1;

const utf8 = () => new Utf8();
const list = (item: DataType, nullable = true) => new List(new Field('item', item, nullable));
const required = (name: string, type: DataType) => new Field(name, type, false);
const optional = (name: string, type: DataType) => new Field(name, type, true);

type Entry = { key: Utf8; value: Utf8 };

/** What only some data sets have. */
export interface OwnColumns {
  /** Columns of numbers. */
  arrays?: Readonly<Record<string, { dtype?: 'float32' | 'int8' | undefined }>>;
  /** Whether the pictures of the study before are kept too. */
  priorImages?: boolean;
}

/**
 * The fields in order. Every dictionary gets a number of its own in that order, so that two files of one data set have the
 * same ids whatever else the process made.
 */
export function fields({ arrays = {}, priorImages = false }: OwnColumns = {}): Field[] {
  let id = 0;
  const dict = () => new Dictionary(utf8(), new Int16(), id++);
  const images = () => imageList(dict);
  return [
    required('dataset', dict()),
    required('sample_id', utf8()),
    optional('patient_id', utf8()),
    optional('study_id', utf8()),
    required('split', dict()),
    // When the study was made, as the release says it (shifted dates stay shifted): 2180-05-06T21:30:14.
    optional('study_time', utf8()),
    // Rank among the patient's studies, 0 the first; and the sample ids of the earlier ones, nearest first.
    optional('time_order', new Int32()),
    optional('prior_ids', list(utf8(), false)),
    required('images', images()),
    required(
      'texts',
      list(
        new Struct([
          required('kind', dict()),
          required('lang', dict()),
          required('body', utf8()),
          required('origin', dict()),
          optional('image_index', list(new Int16(), false)),
          optional('group', new Int32()),
          // Over all sentences, without special tokens.
          optional('tokens', new Int32()),
          required('sentences', list(list(new Int32(), false), false)),
        ]),
        false,
      ),
    ),
    optional(
      'labels',
      list(
        new Struct([
          required('vocab', dict()),
          required('name', dict()),
          optional('value', new Float32()),
          required('state', dict()),
          required('source', dict()),
        ]),
        false,
      ),
    ),
    // Dense copy over all vocabularies, in the order of the metadata's label_vocab: 1, 0, -1 uncertain, -128 missing.
    optional('label_vec', list(new Int8(), false)),
    optional(
      'meta',
      new Map_(
        new Field(
          'entries',
          new Struct<Entry>([new Field('key', utf8(), false), new Field('value', utf8(), true)]),
          false,
        ),
      ),
    ),
    required('licence', dict()),
    optional('source_ref', utf8()),
    optional('flags', list(dict(), false)),
    required('weight', new Float32()),
    // Places in the images that a text or a label speaks of.
    optional(
      'regions',
      list(
        new Struct([
          required('image_index', new Int16()),
          // box: x0, y0, x1, y1, half-open; polygon: x, y, …; both in pixels of the stored image.
          required('kind', dict()),
          optional('label', dict()),
          optional('text_index', new Int16()),
          optional('coords', list(new Float32(), false)),
          // Starts and lengths over the stored image's pixels, row by row.
          optional('rle', list(new Int32(), false)),
          optional('rater', dict()),
          optional('score', new Float32()),
        ]),
        false,
      ),
    ),
    ...(priorImages ? [optional('prior_images', images())] : []),
    ...Object.entries(arrays).map(([name, { dtype }]) =>
      optional(name, list(dtype === 'int8' ? new Int8() : new Float32(), false)),
    ),
  ];
}

function imageList(dict: () => DataType): DataType {
  return list(
    new Struct([
      required('image_id', utf8()),
      optional('data', new Binary()),
      // raw: depth × height × width × channels values of `dtype`, C order; or the name of an encoded format.
      required('codec', dict()),
      required('modality', dict()),
      optional('view', dict()),
      required('depth', new Int32()),
      required('height', new Int32()),
      required('width', new Int32()),
      required('channels', new Int16()),
      required('frames', new Int16()),
      required('dtype', dict()),
      // Of the source: 16 for a windowed 16-bit picture.
      optional('bits_stored', new Int8()),
      // Of the source, before anything was done.
      optional('photometric', dict()),
      optional('inverted', new Bool()),
      // Of the source, upright: heat maps are measured in its pixels.
      optional('source_height', new Int32()),
      optional('source_width', new Int32()),
      // Source values that became 0 and 255 where more than 8 bits were windowed.
      optional('value_range', new FixedSizeList(2, new Field('item', new Float32(), false))),
      optional('recipe', dict()),
      optional('sha256', new FixedSizeBinary(32)),
    ]),
    false,
  );
}

/** Names that a column of numbers may not take. */
export const RESERVED_COLUMNS: ReadonlySet<string> = new Set(fields({ priorImages: true }).map((field) => field.name));

export function datasetSchema(metadata: Map<string, string>, own: OwnColumns = {}): Schema {
  return new Schema(fields(own), metadata);
}

export const LABEL_CODES = { positive: 1, negative: 0, uncertain: -1, missing: -128 } as const;
