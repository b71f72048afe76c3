/**
 * What a report says of entities at positions → the matrix that MedKLIP learns from (positions × entities): 1 there, 0 said not to
 * be there, −1 not mentioned. What is only suspected leaves its place as it is.
 */
import { ENTITIES, POSITIONS } from '../config/chest-x-ray-terms.js';
import { entityOf } from './entities.js';
import { lemmaOf } from './lemma.js';
import { positionOf } from './positions.js';

/** Names of the states as RadGraph has them: definitely present, definitely absent, uncertain. */
export type ObservationState = 'OBS-DP' | 'OBS-DA' | 'OBS-U';

/** One observation at one place. */
export interface Mention {
  /** Words joined by |, its noun first; or `unspecified`. */
  anatomy: string;
  observation: string;
  state: ObservationState;
}

export const TRIPLET_SHAPE = [POSITIONS.length, ENTITIES.length] as const;

/** Row-major, positions × entities. There wins over not there. */
export function tripletMatrix(mentions: readonly Mention[]): Int8Array {
  const matrix = new Int8Array(TRIPLET_SHAPE[0] * TRIPLET_SHAPE[1]).fill(-1);
  for (const { anatomy, observation, state } of mentions) {
    if (state === 'OBS-U') continue;
    const at = positionOf(anatomy) * ENTITIES.length + entityOf(lemmaOf(observation));
    matrix[at] = state === 'OBS-DP' ? 1 : Math.max(matrix[at]!, 0);
  }
  return matrix;
}
