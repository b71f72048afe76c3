import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { memoryKills } from '../../../src/launch/memory-kills.js';
import {
  availableCores,
  coresOfRank,
  formatCpus,
  nodesOfCards,
  parseCpus,
  readTopology,
} from '../../../src/launch/topology.js';
import type { World } from '../../../src/launch/world.js';

// Machines as folders: what the kernel writes below /proc and /sys.

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gadolinium-machine-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function files(texts: Record<string, string>): void {
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
}

const status = (allowed: string) => ({
  'proc/self/status': `Name:\tnode\nCpus_allowed_list:\t${allowed}\nMems_allowed:\t1\n`,
});
const siblings = (lists: Record<number, string>) =>
  Object.fromEntries(
    Object.entries(lists).map(([cpu, list]) => [
      `sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`,
      `${list}\n`,
    ]),
  );

test.each([
  ['0-3,8', [0, 1, 2, 3, 8]],
  ['5', [5]],
  ['', []],
])('%s', (text, cpus) => {
  expect(parseCpus(`${text}\n`)).toEqual(cpus);
  expect(formatCpus(cpus)).toBe(text);
});

describe('the topology', () => {
  test('nodes, and cores of two threads', () => {
    files({
      ...status('0-7'),
      'sys/devices/system/node/node0/cpulist': '0-1,4-5\n',
      'sys/devices/system/node/node1/cpulist': '2-3,6-7\n',
      'sys/devices/system/node/online': '0-1\n',
      ...siblings({ 0: '0,4', 1: '1,5', 2: '2,6', 3: '3,7', 4: '0,4', 5: '1,5', 6: '2,6', 7: '3,7' }),
    });
    expect(readTopology(root)).toEqual({
      nodes: [
        {
          node: 0,
          cores: [
            [0, 4],
            [1, 5],
          ],
        },
        {
          node: 1,
          cores: [
            [2, 6],
            [3, 7],
          ],
        },
      ],
    });
  });

  test('only what this process may use', () => {
    files({
      ...status('2,6'),
      'sys/devices/system/node/node0/cpulist': '0-1\n',
      'sys/devices/system/node/node1/cpulist': '2-3,6-7\n',
      ...siblings({ 2: '2,6', 6: '2,6' }),
    });
    expect(readTopology(root)).toEqual({ nodes: [{ node: 1, cores: [[2, 6]] }] });
  });

  test('one node where /sys says nothing, none at all where /proc does not', () => {
    expect(readTopology(root)).toBeUndefined();
    files(status('0-2'));
    expect(readTopology(root)).toEqual({ nodes: [{ node: 0, cores: [[0], [1], [2]] }] });
  });

  test('of this machine has as many threads as Node says', () =>
    expect(readTopology()?.nodes.flatMap(({ cores }) => cores.flat())).toHaveLength(availableParallelism()));

  test('nodes of cards in the order of the bus, as far as they are visible', () => {
    files({
      'proc/driver/nvidia/gpus/0000:C1:00.0/information': '',
      'proc/driver/nvidia/gpus/0000:3B:00.0/information': '',
      'sys/bus/pci/devices/0000:3b:00.0/numa_node': '0\n',
      'sys/bus/pci/devices/0000:c1:00.0/numa_node': '1\n',
    });
    expect(nodesOfCards(root, undefined)).toEqual([0, 1]);
    expect(nodesOfCards(root, '1,0')).toEqual([1, 0]);
    expect(nodesOfCards(root, 'GPU-8932f937')).toEqual([undefined]);
    files({ 'sys/bus/pci/devices/0000:c1:00.0/numa_node': '-1\n' });
    expect(nodesOfCards(root, undefined)).toEqual([0, undefined]);
  });
});

describe('available cores', () => {
  test.each([
    ['max 100000', availableParallelism()],
    ['50000 100000', 1],
    ['100000 100000', 1],
    ['99900000 100000', availableParallelism()],
  ])('with a share of %s', (share, cores) => {
    files({ 'sys/fs/cgroup/cpu.max': `${share}\n` });
    expect(availableCores(root)).toBe(cores);
  });
});

test("a rank's share of them", () => {
  const cores = availableParallelism();
  const share = (launcher: World['launcher'], localWorld: number, env = {}) =>
    coresOfRank({ launcher, localWorld }, env);
  expect(share('single', 1)).toBe(cores);
  expect(share('torchrun', 2, { OMP_NUM_THREADS: '1' })).toBe(Math.max(1, Math.floor(cores / 2)));
  expect(share('plain', 1000)).toBe(1);
  expect(share('local', 2, { OMP_NUM_THREADS: String(cores) })).toBe(cores);
  expect(share('local', 2, { OMP_NUM_THREADS: '1' })).toBe(1);
  expect(share('slurm', 4, { SLURM_CPUS_PER_TASK: '1' })).toBe(1);
  expect(share('slurm', 1, { SLURM_CPUS_PER_TASK: '100000' })).toBe(cores);
});

describe('kills for lack of memory', () => {
  const events = (kills: number) => `low 0\nhigh 0\nmax 12\noom 3\noom_kill ${kills}\noom_group_kill 0\n`;

  test.each<[string, Record<string, string>, number | undefined]>([
    ['cgroup v2', { 'proc/self/cgroup': '0::/job/step\n', 'sys/fs/cgroup/job/step/memory.events': events(2) }, 2],
    ['v2 in a container', { 'proc/self/cgroup': '0::/../x\n', 'sys/fs/cgroup/memory.events': events(1) }, 1],
    [
      'v1 beside an empty v2',
      {
        'proc/self/cgroup': '8:pids:/a\n4:memory:/a\n0::/\n',
        'sys/fs/cgroup/memory/a/memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 4\n',
      },
      4,
    ],
    ['nothing to read', { 'proc/self/cgroup': '0::/\n' }, undefined],
    ['no cgroups', {}, undefined],
  ])('%s', (_, texts, kills) => {
    files(texts);
    expect(memoryKills(root)).toBe(kills);
  });
});
