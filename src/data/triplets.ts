/**
 * Adds to the rows of any data set what their reports say of MedKLIP's 75 entities at its 51 positions: the column `triplets`, int8,
 * positions × entities, 1 there, 0 said not to be, −1 not mentioned. From RadGraph's file where one has it, as MedKLIP did; or, ours, from
 * the texts by rules (src/radiology).
 */
import { basename } from 'node:path';
import { GadoliniumError } from '../errors.js';
import { type Graph, graphMentions } from '../radiology/radgraph.js';
import { isWanted } from '../radiology/report-texts.js';
import { sentenceMentions } from '../radiology/sentence-mentions.js';
import { TRIPLET_SHAPE, tripletMatrix } from '../radiology/triplets.js';
import type { DatasetAdapter, SourceRow } from './adapter.js';
import { jsonMembers } from './formats/json-members.js';
import { sentences } from './tokenizer/sentences.js';

export const TRIPLETS = 'triplets';

/** @param from `rules`, or the path of a file such as MIMIC-CXR_graphs.json (also gzipped) whose keys end in the study's id. */
export function withTriplets(adapter: DatasetAdapter, from: string): DatasetAdapter {
  let graphs: Promise<Map<string, Uint16Array>> | undefined;
  return {
    ...adapter,
    async describe(context) {
      const description = await adapter.describe(context);
      const arrays = { ...description.arrays, [TRIPLETS]: { shape: [...TRIPLET_SHAPE], dtype: 'int8' as const } };
      return { ...description, arrays };
    },
    async *rows(context) {
      // Read once: rows are asked for twice.
      if (from !== 'rules') graphs ??= readGraphs(from);
      const known = await graphs;
      for await (const row of adapter.rows(context)) {
        if ('reject' in row) yield row;
        else yield withMatrix(row, known === undefined ? byRules(row) : unpacked(known.get(row.study ?? row.id)));
      }
    },
  };
}

/** A row of which nothing is known is flagged; training leaves it out. */
function withMatrix(row: SourceRow, matrix: Int8Array | undefined): SourceRow {
  if (matrix === undefined) return { ...row, flags: [...(row.flags ?? []), 'no_triplets'] };
  return { ...row, arrays: { ...row.arrays, [TRIPLETS]: matrix } };
}

function byRules({ texts }: SourceRow): Int8Array | undefined {
  const describing = texts.filter(({ kind, lang }) => isWanted(kind) && lang === 'en');
  if (describing.length === 0) return undefined;
  return tripletMatrix(describing.flatMap(({ body }) => sentences(body).flatMap(sentenceMentions)));
}

/** Study → what its graph says, two bytes a place: a matrix of 3,825 for each of 227,835 studies would take a gigabyte. */
async function readGraphs(path: string): Promise<Map<string, Uint16Array>> {
  const out = new Map<string, Uint16Array>();
  for await (const [key, value] of jsonMembers(path))
    out.set(basename(key, '.txt'), packed(tripletMatrix(graphMentions(graphOf(value, `${path}, ${key}`)))));
  return out;
}

function graphOf(value: unknown, where: string): Graph {
  const { text, entities } = (value ?? {}) as Partial<Graph>;
  const whole =
    typeof text === 'string' &&
    typeof entities === 'object' &&
    entities !== null &&
    Object.values(entities).every(
      (entity) =>
        typeof entity?.tokens === 'string' &&
        typeof entity.label === 'string' &&
        typeof entity.start_ix === 'number' &&
        Array.isArray(entity.relations),
    );
  if (!whole)
    throw GadoliniumError.expected(
      'bad-graph',
      'a text and entities with tokens, label, start_ix and relations',
      where,
      value,
    );
  return { text, entities };
}

const packed = (matrix: Int8Array) =>
  Uint16Array.from([...matrix.keys()].filter((at) => matrix[at] !== -1).map((at) => 2 * at + matrix[at]!));

function unpacked(places: Uint16Array | undefined): Int8Array | undefined {
  if (places === undefined) return undefined;
  const matrix = new Int8Array(TRIPLET_SHAPE[0] * TRIPLET_SHAPE[1]).fill(-1);
  for (const place of places) matrix[place >> 1] = place & 1;
  return matrix;
}
