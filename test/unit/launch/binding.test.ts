import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindRanks } from '../../../src/launch/binding.js';
import { formatCpus, type Topology } from '../../../src/launch/topology.js';

/** Nodes of so many cores, with `threads` hardware threads a core, numbered as Linux does: first threads of all cores first. */
function machine(cores: readonly number[], threads = 1): Topology {
  const total = cores.reduce((sum, count) => sum + count, 0);
  let next = 0;
  return {
    nodes: cores.map((count, node) => ({
      node,
      cores: Array.from({ length: count }, () => {
        const core = next++;
        return Array.from({ length: threads }, (_, thread) => core + thread * total);
      }),
    })),
  };
}

const bound = (topology: Topology, count: number, cards?: (number | undefined)[]) =>
  bindRanks(topology, count, cards)?.map(formatCpus);

describe('ranks get', () => {
  test.each<[string, Topology, number, string[]]>([
    ['a part of the one node', machine([8]), 4, ['0-1', '2-3', '4-5', '6-7']],
    ['both threads of a core', machine([4], 2), 2, ['0-1,4-5', '2-3,6-7']],
    ['nodes in order', machine([4, 4]), 4, ['0-1', '2-3', '4-5', '6-7']],
    ['no core beyond their node', machine([4, 4]), 3, ['0-1', '2-3', '4-7']],
    ['whole nodes', machine([2, 2, 2, 2]), 2, ['0-3', '4-7']],
    ['by the size of nodes', machine([6, 2]), 4, ['0-1', '2-3', '4-5', '6-7']],
    ['a core each', machine([3, 1]), 4, ['0', '1', '2', '3']],
  ])('%s', (_, topology, count, cpus) => expect(bound(topology, count)).toEqual(cpus));

  test('cores of the node that their card hangs on', () => {
    expect(bound(machine([4, 4]), 4, [1, 1, 0, 0])).toEqual(['4-5', '6-7', '0-1', '2-3']);
    expect(bound(machine([4, 4]), 3, [0, 1, 0])).toEqual(['0-1', '4-7', '2-3']);
  });

  test('all cores of their card’s node, together, where there are too few', () =>
    expect(bound(machine([2, 4]), 4, [0, 0, 0, 1])).toEqual(['0-1', '0-1', '0-1', '2-5']));

  test('cores in order where a card’s node is unknown, or has no core for this job', () => {
    expect(bound(machine([4, 4]), 2, [1, undefined])).toEqual(['0-3', '4-7']);
    expect(bound(machine([4, 4]), 2, [1, 7])).toEqual(['0-3', '4-7']);
  });

  test('nothing where there is nothing to divide', () => {
    expect(bound(machine([8]), 1)).toBeUndefined();
    expect(bound(machine([2]), 3)).toBeUndefined();
  });
});

test('no core is given twice, none is left of a node that has ranks, and nobody goes without', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 2 }),
      fc.integer({ min: 2, max: 12 }),
      (cores, threads, count) => {
        const topology = machine(cores, threads);
        const total = cores.reduce((sum, one) => sum + one, 0);
        const ranks = bindRanks(topology, count);
        if (count > total) return ranks === undefined;
        const given = (ranks ?? []).flat();
        const nodes = topology.nodes.map((node) => node.cores.flat());
        const whole = nodes.every(
          (cpus) => cpus.every((cpu) => given.includes(cpu)) || !cpus.some((cpu) => given.includes(cpu)),
        );
        return (
          ranks?.length === count &&
          ranks.every((cpus) => cpus.length > 0) &&
          new Set(given).size === given.length &&
          whole
        );
      },
    ),
  );
});
