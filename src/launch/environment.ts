import { GadoliniumError } from '../errors.js';

/** Variables by name; an empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

export function textIn(env: Environment, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

/** The first of the variables that is set. */
export function firstSet(env: Environment, names: readonly string[]): string | undefined {
  return names.find((name) => textIn(env, name) !== undefined);
}

/** The whole number in a variable, or nothing where it is not set. */
export function numberIn(env: Environment, name: string, least = 0, most = 2 ** 31 - 1): number | undefined {
  const text = textIn(env, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most) {
    throw wrong(
      name,
      most < 2 ** 31 - 1 ? `a whole number of ${least} to ${most}` : `a whole number from ${least}`,
      text,
    );
  }
  return value;
}

/** The same, for one that must be set because others are. */
export function neededNumber(env: Environment, name: string, why: string, least = 0, most?: number): number {
  return numberIn(env, name, least, most) ?? missing(name, why);
}

export function neededText(env: Environment, name: string, why: string): string {
  return textIn(env, name) ?? missing(name, why);
}

/** What is wrong with the value of a variable. */
export function wrong(name: string, wanted: string, got: unknown, advice?: string): GadoliniumError {
  return GadoliniumError.expected('usage', wanted, `the environment variable ${name}`, got, advice);
}

function missing(name: string, why: string): never {
  throw wrong(
    name,
    `a value (${why})`,
    undefined,
    'a process of several needs RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT; one that is alone needs none of them',
  );
}

/** Ranks must be below their counts, and a machine holds no more ranks than there are. */
export function checkCounts(counts: {
  rank: [name: string, value: number];
  world: [name: string, value: number];
  localRank: [name: string, value: number];
  localWorld: [name: string, value: number];
}): void {
  const { rank, world, localRank, localWorld } = counts;
  if (rank[1] >= world[1]) throw wrong(rank[0], `a number below ${world[0]} = ${world[1]}`, rank[1]);
  if (localWorld[1] > world[1]) throw wrong(localWorld[0], `at most ${world[0]} = ${world[1]}`, localWorld[1]);
  if (localRank[1] >= localWorld[1]) {
    throw wrong(localRank[0], `a number below ${localWorld[0]} = ${localWorld[1]}`, localRank[1]);
  }
}
