/**
 * The contract of a data set adapter: how the files of one raw release become *source rows*, one row a study. An adapter
 * reads and pairs; it decodes no picture, tokenises nothing and writes nothing: that is the same for all of them
 * (src/data/prepare.ts). A new data set is one folder `datasets/<name>/` with `adapter.ts` (default export), found by
 * listing the folder.
 */
import type { z } from 'zod';

export type Split = 'train' | 'valid' | 'test' | 'extra';

export type Modality =
  | 'CR'
  | 'DX'
  | 'CT'
  | 'MR'
  | 'US'
  | 'CFP'
  | 'FFA'
  | 'OCT'
  | 'WSI'
  | 'ENDO'
  | 'DERM'
  | 'ECG'
  | 'FIG'
  | 'UNKNOWN';

export type TextKind =
  | 'report'
  | 'findings'
  | 'impression'
  | 'indication'
  | 'history'
  | 'comparison'
  | 'technique'
  | 'recommendation'
  | 'last_paragraph'
  | 'caption'
  | 'inline_reference'
  | 'context'
  | 'clinical_note'
  | 'question'
  | 'answer'
  | 'prompt'
  | 'asr'
  | 'label_text'
  | 'structured_report'
  | 'narrative_report';

export type TextOrigin = 'human' | 'translated' | 'llm' | 'template' | 'asr';

export type LabelState = 'positive' | 'negative' | 'uncertain' | 'missing';

/** Where something came from, for error sentences and the rejects list: a file name or path as the user gave it, and the
 * row in it (1 = first data row of a table, or an index in a JSON array). */
export interface Origin {
  file: string;
  row?: number;
}

export interface SourceImage {
  /** Unique in the row: DICOM instance id, file stem. */
  id: string;
  /** One of the two: a path, or the encoded bytes themselves. */
  file?: string;
  bytes?: Uint8Array;
  modality: Modality;
  /** PA, AP, LATERAL, …; UNKNOWN when absent. */
  view?: string;
  /** Of a slide, or of a figure of several pictures: the part that is meant, in pixels of the file; never of a DICOM file. */
  part?: PicturePart;
  /** The column or key that named it, for error sentences. */
  field?: string;
}

export interface PicturePart {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface SourceText {
  kind: TextKind;
  /** BCP 47. */
  lang: string;
  body: string;
  origin: TextOrigin;
  /** Texts with the same number are versions or parts of one thing: a question and its answer, paraphrases. */
  group?: number;
  /** Which images of the row it describes; absent or empty = all. */
  images?: number[];
  field?: string;
}

export interface SourceLabel {
  vocab: string;
  name: string;
  value?: number;
  state: LabelState;
  source: 'expert' | 'reader' | 'nlp' | 'model' | 'folder';
}

/** A place in an image of the row that a text (a phrase to ground) or a label speaks of. */
export interface SourceRegion {
  /** Which image and, where one text speaks of it, which text of the row. */
  image: number;
  text?: number;
  kind: 'box' | 'polygon' | 'rle';
  label?: string;
  /** box: x0, y0, x1, y1, half-open; polygon: x, y, …; in pixels of the source image. rle: start, length, … over its pixels, row by row. */
  coords: number[];
  rater?: string;
  score?: number;
}

export interface SourceRow {
  /** Unique in the data set and stable: row order must not change it. */
  id: string;
  patient?: string;
  study?: string;
  /**
   * The release's own word for the split: "train", "validate", "dev" … (src/data/split.ts lists the known ones; another is an
   * error that names the row). Absent: drawn from `group`, so that all rows of a group land in one split.
   */
  split?: string;
  /** What a drawn split must keep together; default: patient, else study, else id. */
  group?: string;
  images: SourceImage[];
  texts: SourceText[];
  /** When the study was made, as the release says it: 2180-05-06T21:30:14. */
  time?: string;
  /** Rank among the patient's studies, 0 the first. */
  order?: number;
  /** Ids of the patient's earlier rows, nearest first. */
  priors?: string[];
  /** Pictures of the study before, where the description says that they are kept. */
  priorImages?: SourceImage[];
  labels?: SourceLabel[];
  regions?: SourceRegion[];
  /** Numbers beside or instead of images and texts: a signal [leads × samples], a table's row. Row-major. */
  arrays?: Record<string, ArrayLike<number>>;
  meta?: Record<string, string>;
  /** DOI, figure name, slide id; never a local path. */
  sourceRef?: string;
  flags?: string[];
  weight?: number;
  origin: Origin;
}

/** A piece of the source that cannot become a row. */
export interface SourceReject {
  reject: { code: string; reason: string; field: string; origin: Origin };
}

/** A vocabulary of labels. class: exactly one name holds for a row; finding: each name is present, absent, unsure or unknown. */
export interface LabelVocabulary {
  vocab: string;
  kind: 'class' | 'finding';
  names: string[];
}

/** Prompts for zero-shot evaluation. Several texts a class form an ensemble. For findings, `negative` are the opposite prompts. */
export interface PromptSet {
  name: string;
  /** The label vocabulary that it names. */
  vocab: string;
  /** softmax: the classes exclude each other; pairs: each class has positive and negative prompts. */
  kind: 'softmax' | 'pairs';
  classes: { label: string; texts: string[]; negative?: string[] }[];
}

export interface ArrayDescription {
  /** Row-major shape of one sample's numbers. */
  shape: number[];
  /** Names along the last axis, where they have any. */
  names?: string[];
  /** Whether NaN may stand for a number that is not known; otherwise such a row is rejected. */
  missing?: boolean;
  /** How the numbers are stored; float32 unless told otherwise. */
  dtype?: 'float32' | 'int8';
}

export interface AdapterContext<Options> {
  options: Options;
  /** The release's folder (`--from`), or the adapter's own folder of samples when none was given. */
  from: string;
  /** The data set's own folder `datasets/<name>`, for shipped samples. */
  home: string;
}

/** `datasets/<name>/synthetic.ts` (default export): a tiny made-up release, for tests and to try a data set before access is granted. */
export interface SyntheticRelease {
  /** Fills an empty folder with files named, laid out and written as the release has them, odd cases included. */
  write(folder: string): Promise<SyntheticTruth>;
}

/** What preparing the made-up release must give. */
export interface SyntheticTruth {
  /** The adapter's options that go with it. */
  options?: Record<string, unknown>;
  /** Every row in order; of each as many columns as matter (src/data/shards/schema.ts). */
  rows: ({ sample_id: string } & Record<string, unknown>)[];
  rejects: { dropped: 'row' | 'image' | 'text'; code: string; file: string; field: string; row?: number | null }[];
}

/** What is known only after the options are: a user's table has label columns of its own. */
export interface SourceDescription {
  labels?: LabelVocabulary[];
  arrays?: Record<string, ArrayDescription>;
  prompts?: PromptSet[];
  /** Whether rows bring the pictures of the study before: a column `prior_images` of its own. */
  priorImages?: boolean;
  /** In words: how the adapter keeps patients in one split. */
  splitRule?: string;
  /** Chances of train, valid and test for rows without a split. */
  fractions?: SplitFractions;
}

export interface SplitFractions {
  train: number;
  valid: number;
  test: number;
}

export interface DatasetAdapter<Options = unknown> {
  /** Folder name and value of the `dataset` column. */
  name: string;
  title: string;
  /** Raised when the same release would give other rows. */
  version: string;
  /** SPDX-like name. */
  licence: string;
  licenceText: string;
  /** How one gets the release. */
  access: string;
  modalities: Modality[];
  /** The adapter's own options, checked before anything is read. */
  options: z.ZodType<Options>;
  /** Where the shipped sample lies, relative to the data set's folder; absent = `--from` must be given. */
  sample?: string;
  /** What `prepare` uses unless told otherwise. */
  defaults?: { size?: number; tokenizer?: string };
  describe(context: AdapterContext<Options>): SourceDescription | Promise<SourceDescription>;
  /**
   * The rows in an order that is the same on every run. Called twice: once to look over texts and labels, once to write;
   * so it must be cheap where it yields a path instead of bytes.
   */
  rows(context: AdapterContext<Options>): AsyncIterable<SourceRow | SourceReject>;
}
