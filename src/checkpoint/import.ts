import { basename } from 'node:path';
import { GadoliniumError } from '../errors.js';
import type { Architecture } from './architectures/architecture.js';
import type { Format, Piece } from './format.js';
import { type StoredTensor, writeSafetensors } from './safetensors.js';
import type { Source } from './source.js';

/** What an import found and wrote. */
export interface ImportReport {
  format: string;
  /** Name of the file or folder, and the SHA-256 of each file in it. */
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
  /** XXH64 of the tensors as they were written. */
  hash: string;
  bytes: number;
}

/** Key of the header's metadata under which an imported file keeps its ImportReport. */
export const IMPORT_KEY = 'import';

/**
 * Writes the tensors of a source under our names: `encoders.image.conv1.weight`. Every tensor must be known: what is missing, left over
 * or of another shape is an `import-mismatch` that names it.
 */
export function importWeights(name: string, format: Format, source: Source, to: string): ImportReport {
  const taken = new Map<Piece, Map<string, StoredTensor>>();
  const leftOut: ImportReport['leftOut'] = [];
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

  const out = new Map<string, StoredTensor>();
  const parts: ImportReport['parts'] = {};
  const filled: string[] = [];
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
  const report = {
    format: name,
    source: basename(source.path),
    sha256: source.sha256,
    entry: source.entry,
    parts,
    leftOut,
    filled,
    inert: source.inert,
  };
  return { ...report, ...writeSafetensors(to, out, { [IMPORT_KEY]: JSON.stringify(report) }) };
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
