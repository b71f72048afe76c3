import type { Topology } from './topology.js';

/**
 * Which hardware threads each of `count` ranks of a machine gets: those of the NUMA node that its card hangs on, where all
 * cards are known, else ranks are spread over the nodes in order, by their cores; within a node each rank gets its own
 * cores. Nothing where there is nothing to divide: one rank, or more ranks than cores.
 */
export function bindRanks(
  { nodes }: Topology,
  count: number,
  nodesOfCards: readonly (number | undefined)[] = [],
): number[][] | undefined {
  const total = nodes.reduce((sum, { cores }) => sum + cores.length, 0);
  if (count < 2 || total < count) return undefined;
  const byCard = Array.from({ length: count }, (_, rank) => nodes.findIndex(({ node }) => node === nodesOfCards[rank]));
  if (byCard.every((index) => index >= 0)) return divide(nodes, byCard);
  if (count < nodes.length) {
    return Array.from({ length: count }, (_, rank) => slice(nodes, rank, count).flatMap(({ cores }) => cores.flat()));
  }
  const shares = apportion(
    nodes.map(({ cores }) => cores.length),
    count,
  );
  return divide(
    nodes,
    shares.flatMap((share, index) => Array<number>(share).fill(index)),
  );
}

/** Gives each rank its part of its node; ranks of a node with fewer cores than ranks share all of them. */
function divide(nodes: Topology['nodes'], nodeOfRank: readonly number[]): number[][] {
  return nodeOfRank.map((index, rank) => {
    const cores = nodes[index]?.cores ?? [];
    const together = nodeOfRank.filter((other) => other === index).length;
    const place = nodeOfRank.slice(0, rank).filter((other) => other === index).length;
    return (cores.length < together ? cores : slice(cores, place, together)).flat();
  });
}

/** Part `part` of `parts` of a list, as even as can be. */
function slice<T>(list: readonly T[], part: number, parts: number): readonly T[] {
  return list.slice(Math.floor((part * list.length) / parts), Math.floor(((part + 1) * list.length) / parts));
}

/** Whole numbers in proportion to `sizes` with sum `count`: each goes to whom it leaves the most for (Jefferson's method). */
function apportion(sizes: readonly number[], count: number): number[] {
  const shares = sizes.map(() => 0);
  const left = (index: number) => (sizes[index] as number) / ((shares[index] as number) + 1);
  for (let i = 0; i < count; i++) {
    const most = sizes.reduce((best, _, index) => (left(index) > left(best) ? index : best), 0);
    shares[most] = (shares[most] as number) + 1;
  }
  return shares;
}
