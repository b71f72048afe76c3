import { basename } from 'node:path';
import type { HeadPart, InputPart } from '../config/parts.js';
import { GadoliniumError } from '../errors.js';
import { VERSION } from '../package.js';
import type { Architecture } from './architectures/architecture.js';
import type { Format, FormatSource, Piece, SourceOption } from './format.js';
import { grainsOf } from './grains.js';
import type { CheckpointMetadata, ModelConfig, PictureReading } from './metadata.js';
import { type StoredTensor, writeSafetensors } from './safetensors.js';
import type { Source } from './source.js';

/** What an import found and wrote. */
export interface ImportReport {
  format: string;
  /** Names of the files or folders, joined by ' and ', and the SHA-256 of each file in them. */
  source: string;
  sha256: Record<string, string>;
  /** Where in the file the tensors stood. */
  entry: string;
  /** Our parts, as a recipe writes them, by the prefix of their keys. */
  parts: Record<string, { kind: string; options: object; tensors: number; assumed: string[]; optional: string[] }>;
  /** Tensors of theirs that have no place in our parts. */
  leftOut: { name: string; why: string }[];
  /** Tensors that the file lacks and that were set: counters of batches, from before torch kept them. */
  filled: string[];
  /** Kinds of Python objects in the file, kept as inert data. */
  inert: string[];
  /** The tokenizer that the file carries, and the SHA-256 of its text. */
  tokenizer: { name: string; sha256: string; pieces: number } | null;
  /** The features that `embed` and `evaluate` can have of it; none where the format does not say how its models are used. */
  grains: string[];
  /** XXH64 of the tensors as they were written. */
  hash: string;
  bytes: number;
}

/** Key of the header's metadata under which an imported file keeps its ImportReport. */
export const IMPORT_KEY = 'import';

/** The tokenizer that text weights were trained with: its tokenizer.json, a name for people, and what the text input must know. */
export interface ImportedTokenizer {
  json: string;
  name: string;
  sha256: string;
  pieces: number;
  special: { start: number | null; end: number | null; pad: number; mask: number | null };
}

/**
 * Writes the tensors of the sources under our names: `encoders.image.conv1.weight`. Every tensor must be known: what is missing, left
 * over or of another shape is an `import-mismatch` that names it. Where the format says how its models are used, the file is a
 * checkpoint that `embed` and `evaluate` open.
 */
export function importWeights(
  name: string,
  format: Format,
  sources: Readonly<Partial<Record<SourceOption, Source>>>,
  to: string,
  tokenizer?: ImportedTokenizer,
): ImportReport {
  const out = new Map<string, StoredTensor>();
  const found = { leftOut: [], filled: [], parts: {} } as Pick<ImportReport, 'leftOut' | 'filled' | 'parts'>;
  const given = Object.entries(sources) as [SourceOption, Source][];
  for (const [option, source] of given) take(name, format.sources[option] as FormatSource, source, out, found);
  requireVocabulary(found.parts, tokenizer);
  const all = given.map(([, source]) => source);
  const metadata = inferenceOf(name, format, all[0] as Source, found.parts, tokenizer);
  const report = {
    format: name,
    source: all.map(({ path }) => basename(path)).join(' and '),
    sha256: Object.assign({}, ...all.map(({ sha256 }) => sha256)),
    entry: all
      .map(({ entry }) => entry)
      .filter(Boolean)
      .join(' and '),
    ...found,
    inert: [...new Set(all.flatMap(({ inert }) => inert))].sort(),
    tokenizer: tokenizer ? { name: tokenizer.name, sha256: tokenizer.sha256, pieces: tokenizer.pieces } : null,
    grains: metadata?.grains ?? [],
  };
  return {
    ...report,
    ...writeSafetensors(to, out, {
      [IMPORT_KEY]: JSON.stringify(report),
      ...(metadata && { gadolinium: JSON.stringify(metadata) }),
    }),
  };
}

/** The tensors of one file or folder, under our names. */
function take(
  name: string,
  format: FormatSource,
  source: Source,
  out: Map<string, StoredTensor>,
  { leftOut, filled, parts }: Pick<ImportReport, 'leftOut' | 'filled' | 'parts'>,
): void {
  const taken = new Map<Piece, Map<string, StoredTensor>>();
  const unknown: string[] = [];
  for (const [theirs, tensor] of source.tensors) {
    const why = format.leftOut.find(({ match }) => match.test(theirs))?.why;
    const piece = why === undefined ? format.pieces.find((one) => one.rename(theirs) !== undefined) : undefined;
    if (piece) {
      const own = taken.get(piece) ?? new Map();
      const ours = piece.rename(theirs) as string;
      if (own.has(ours)) {
        throw GadoliniumError.expected(
          'import-mismatch',
          `one tensor for ${piece.into}.${ours}`,
          source.path,
          theirs,
          'a second one',
        );
      }
      own.set(ours, piece.flatten ? flattened(tensor) : tensor);
      taken.set(piece, own);
    } else if (why !== undefined) leftOut.push({ name: theirs, why });
    else unknown.push(theirs);
  }

  for (const piece of format.pieces) {
    const tensors = taken.get(piece);
    if (!tensors) {
      if (piece.optional) continue;
      const heads = [...new Set([...source.tensors.keys()].map((key) => key.split('.')[0]))].slice(0, 12);
      throw GadoliniumError.expected(
        'import-mismatch',
        `tensors for ${piece.into} (${name})`,
        source.path,
        `names that begin with ${heads.join(', ')}`,
        'give another format, or --prefix and --entry to say where they are',
      );
    }
    const architecture = piece.architecture(shapesOf(tensors), source.config);
    unknown.push(...fit(piece, architecture, tensors, filled));
    for (const [key, tensor] of tensors) out.set(`${piece.into}.${key}`, tensor);
    const { kind, options, assumed, optional } = architecture;
    parts[piece.into] = { kind, options, tensors: tensors.size, assumed, optional };
  }
  if (unknown.length) {
    throw new GadoliniumError(
      'import-mismatch',
      `expected only tensors that ${name} knows in ${source.path} but got others; left over: ${some(unknown)}`,
      { advice: 'give another format, or --prefix and --entry to say where the weights are' },
    );
  }
}

/** A tokenizer whose ids have no word vector is another model's. */
function requireVocabulary(parts: ImportReport['parts'], tokenizer: ImportedTokenizer | undefined): void {
  for (const [into, { options }] of Object.entries(parts)) {
    const { vocabularySize } = options as { vocabularySize?: number };
    if (!tokenizer || vocabularySize === undefined || tokenizer.pieces <= vocabularySize) continue;
    throw GadoliniumError.expected(
      'import-mismatch',
      `a tokenizer of at most ${vocabularySize} pieces, as ${into} has word vectors`,
      tokenizer.name,
      tokenizer.pieces,
      'give the vocabulary that the weights were trained with',
    );
  }
}

/** How the model is used, in the form of every checkpoint. */
function inferenceOf(
  name: string,
  { inference }: Format,
  source: Source,
  parts: ImportReport['parts'],
  tokenizer: ImportedTokenizer | undefined,
): CheckpointMetadata | undefined {
  if (!inference) return undefined;
  const below = (room: string) =>
    Object.entries(parts).flatMap(([into, part]) =>
      into.startsWith(`${room}.`) ? [[into.slice(room.length + 1), part] as const] : [],
    );
  const encoders = Object.fromEntries(
    below('encoders').map(([modality, { kind, options }]) => [modality, { encoder: kind, options, recompute: false }]),
  ) as ModelConfig['encoders'];
  const reads = ({ options }: HeadPart) => String(options['from']).split('.')[0] as string;
  const heads = [
    ...below('heads').map(([name, { kind, options }]) => ({ head: kind, name, options }) as HeadPart),
    ...(inference.pools ?? []),
  ].filter((head) => reads(head) in encoders) as ModelConfig['heads'];
  const pictures = typeof inference.pictures === 'function' ? inference.pictures(source) : inference.pictures;
  const data: ModelConfig['data'] = {};
  for (const [modality, input] of Object.entries(inference.data))
    if (modality in encoders) data[modality] = inputOf(input, encoders[modality], pictures, tokenizer);
  const readsOf = (kind: string) => Object.values(data).some(({ input }) => input === kind);
  return {
    gadolinium: VERSION,
    // The recipe of the same name is the same method, where there is one: what is published of it is compared with these weights.
    config: { recipe: name, data, encoders, heads },
    data: null,
    tokenizer: tokenizer ? { json: tokenizer.json, name: tokenizer.name, sha256: tokenizer.sha256 } : null,
    images: null,
    reading: {
      ...(readsOf('image') && { pictures }),
      ...(readsOf('text') && { texts: inference.texts ?? { strip: '' } }),
    },
    grains: grainsOf({ encoders, heads }),
  };
}

/** An input with what only the file or its tokenizer tells. */
function inputOf(
  { input, options }: InputPart,
  encoder: ModelConfig['encoders'][string] | undefined,
  pictures: PictureReading | undefined,
  tokenizer: ImportedTokenizer | undefined,
): ModelConfig['data'][string] {
  const own = (encoder && 'options' in encoder ? encoder.options : {}) as Record<string, number>;
  if (input === 'image' && pictures) {
    const { side, fit } = pictures;
    return { input, options: { ...options, resize: side, stretch: fit === 'both' } } as ModelConfig['data'][string];
  }
  if (input !== 'text') return { input, options } as ModelConfig['data'][string];
  const ids: Record<string, number> = {};
  for (const [name, id] of Object.entries(tokenizer?.special ?? {})) if (id !== null) ids[`${name}Id`] = id;
  const { vocabularySize, maxTokens } = own;
  return {
    input,
    options: {
      ...options,
      ...ids,
      ...(maxTokens === undefined ? {} : { maxTokens }),
      ...(vocabularySize === undefined ? {} : { vocabularySize }),
    },
  } as ModelConfig['data'][string];
}

const shapesOf = (tensors: ReadonlyMap<string, StoredTensor>) =>
  new Map([...tensors].map(([name, { shape }]) => [name, shape]));

/** Compares a piece with what its architecture has; returns the names that are left over. */
function fit(piece: Piece, architecture: Architecture, tensors: Map<string, StoredTensor>, filled: string[]): string[] {
  const missing: string[] = [];
  const other: string[] = [];
  for (const [name, shape] of architecture.tensors) {
    const found = tensors.get(name);
    if (!found && name.endsWith('num_batches_tracked')) {
      tensors.set(name, zero);
      filled.push(`${piece.into}.${name}`);
    } else if (!found) missing.push(name);
    else if (found.shape.join() !== shape.join()) other.push(`${name} (expected [${shape}] but got [${found.shape}])`);
  }
  if (missing.length || other.length) {
    const clauses = [
      ...(missing.length ? [`missing: ${some(missing)}`] : []),
      ...(other.length ? [`of another shape: ${some(other)}`] : []),
    ];
    throw new GadoliniumError(
      'import-mismatch',
      `expected the tensors of a ${architecture.kind} for ${piece.into} but got others; ${clauses.join('; ')}`,
      { advice: 'the file may hold another architecture, or be cut' },
    );
  }
  return [...tensors.keys()].filter(
    (name) => !architecture.tensors.has(name) && !architecture.optional.some((prefix) => name.startsWith(prefix)),
  );
}

const zero: StoredTensor = { dtype: 'I64', shape: [], pieces: () => [new Uint8Array(8)] };

function flattened(tensor: StoredTensor): StoredTensor {
  const { dtype, shape } = tensor;
  return shape.length === 4 && shape[2] === 1 && shape[3] === 1
    ? { dtype, shape: shape.slice(0, 2), pieces: () => tensor.pieces() }
    : tensor;
}

const some = (names: readonly string[]) =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');
