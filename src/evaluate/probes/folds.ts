import { Draws } from '../../data/draws.js';

/**
 * The fold of each sample, 0 … folds − 1: groups of equal name (patients) stay together and are dealt out in an order drawn by the
 * seed. With `classes` the groups are dealt class by class (that of their first sample), so that each fold gets its share of all.
 */
export function folded(
  groups: readonly string[],
  folds: number,
  seed: number,
  classes?: ArrayLike<number>,
): Int32Array {
  const firsts = new Map<string, number>();
  for (const [i, group] of groups.entries()) if (!firsts.has(group)) firsts.set(group, i);
  const names = [...firsts.keys()];
  const order = new Draws(seed).shuffle(Uint32Array.from(names, (_, i) => i));
  const dealt = [...order].map((n) => names[n]!);
  // A stable sort keeps the drawn order inside a class.
  if (classes) dealt.sort((a, b) => classes[firsts.get(a)!]! - classes[firsts.get(b)!]!);
  const foldOf = new Map(dealt.map((name, n) => [name, n % folds]));
  return Int32Array.from(groups, (group) => foldOf.get(group)!);
}
