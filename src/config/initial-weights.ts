import { resolve } from 'node:path';
import type { Recipe } from './recipe.js';
import type { ResolvedConfig } from './schema.js';

/** A part that starts from a file: its prefix among the run's keys, and the entry of the configuration. */
export interface StartingPart {
  into: string;
  part: { init?: NonNullable<ResolvedConfig['heads'][number]['init']> | undefined };
}

/** Every part of a configuration that names weights to start from, by the prefix that its keys have in checkpoints. */
export function startingParts(config: Pick<ResolvedConfig, 'encoders' | 'heads' | 'objectives'>): StartingPart[] {
  const all: StartingPart[] = [
    ...Object.entries(config.encoders).flatMap(([modality, part]) =>
      'share' in part ? [] : [{ into: `encoders.${modality}`, part }],
    ),
    ...config.heads.map((part, i) => ({ into: `heads.${part.name ?? `${part.head}-${i}`}`, part })),
    ...config.objectives.map((part) => ({ into: `objectives.${part.name ?? part.objective}`, part })),
  ];
  return all.filter(({ part }) => part.init !== undefined);
}

/** `FILE#PREFIX` in its two parts; without a prefix the part's own. */
export function fileAndPrefix(init: string, into: string): { file: string; from: string } {
  const [, file = init, from = into] = /^(.*?\.safetensors)#(.+)$/.exec(init) ?? [];
  return { file, from };
}

/** The recipe with the relative paths of its `init`s made absolute, as seen from a folder. */
export function withPathsFrom(recipe: Recipe, folder: string): Recipe {
  const seen = <Part extends object>(part: Part): Part =>
    'init' in part && typeof part.init === 'string' ? { ...part, init: resolve(folder, part.init) } : part;
  return {
    ...recipe,
    encoders: Object.fromEntries(Object.entries(recipe.encoders).map(([modality, part]) => [modality, seen(part)])),
    ...(recipe.heads ? { heads: recipe.heads.map(seen) } : {}),
    objectives: recipe.objectives.map(seen),
  };
}
