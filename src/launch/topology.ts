import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Environment, numberIn } from './environment.js';
import type { World } from './world.js';

/** A core's hardware threads, as the kernel numbers them. */
export type Core = readonly number[];

export interface Topology {
  /** Cores that this process may use, by NUMA node; nodes without any are left out. */
  nodes: readonly { node: number; cores: readonly Core[] }[];
}

/** `0-3,8` → 0, 1, 2, 3, 8. */
export function parseCpus(list: string): number[] {
  return list
    .trim()
    .split(',')
    .filter(Boolean)
    .flatMap((part) => {
      const [first = 0, last = first] = part.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** The other way round. */
export function formatCpus(cpus: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const cpu of [...cpus].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && cpu === run[1] + 1) run[1] = cpu;
    else runs.push([cpu, cpu]);
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}

/** What /proc and /sys say below `root`, or nothing where they do not (no Linux, a bare container). */
export function readTopology(root = '/'): Topology | undefined {
  const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(read(root, 'proc/self/status'))?.[1];
  if (!allowed) return undefined;
  const free = new Set(parseCpus(allowed));
  const nodes = list(root, 'sys/devices/system/node')
    .flatMap((name) => /^node(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
    .map((node) => ({ node, cpus: parseCpus(read(root, `sys/devices/system/node/node${node}/cpulist`)) }));
  if (nodes.length === 0) nodes.push({ node: 0, cpus: [...free] });
  return {
    nodes: nodes
      .map(({ node, cpus }) => ({
        node,
        cores: coresOf(
          root,
          cpus.filter((cpu) => free.has(cpu)),
        ),
      }))
      .filter(({ cores }) => cores.length > 0),
  };
}

function coresOf(root: string, cpus: readonly number[]): Core[] {
  const cores = new Map<string, number[]>();
  for (const cpu of cpus) {
    const siblings = read(root, `sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`).trim() || `${cpu}`;
    const core = cores.get(siblings);
    if (core) core.push(cpu);
    else cores.set(siblings, [cpu]);
  }
  return [...cores.values()];
}

/** NUMA node of each visible card, in the order of the bus, which is CUDA's where cards are alike; `undefined` where unknown. */
export function nodesOfCards(root = '/', visible = process.env['CUDA_VISIBLE_DEVICES']): (number | undefined)[] {
  const all = list(root, 'proc/driver/nvidia/gpus')
    .sort()
    .map((bus) => {
      const text = read(root, `sys/bus/pci/devices/${bus.toLowerCase()}/numa_node`).trim();
      return /^\d+$/.test(text) ? Number(text) : undefined;
    });
  if (visible === undefined) return all;
  return visible.split(',').map((card) => (/^\d+$/.test(card.trim()) ? all[Number(card)] : undefined));
}

/** Hardware threads that this process may use at once, by affinity and by the share of time that its cgroup has. */
export function availableCores(root = '/'): number {
  const [quota, period] = read(root, 'sys/fs/cgroup/cpu.max').trim().split(' ').map(Number);
  const share = quota && period ? Math.max(1, Math.floor(quota / period)) : Number.POSITIVE_INFINITY;
  return Math.min(availableParallelism(), share);
}

/** Hardware threads that are this rank's share, so that the ranks of a machine together use each once. */
export function coresOfRank(
  { launcher, localWorld }: Pick<World, 'launcher' | 'localWorld'>,
  env: Environment = process.env,
): number {
  const cores = availableCores();
  // Where ranks are bound, the cores that this one sees are already its share. torchrun's OMP_NUM_THREADS is a guess: 1.
  const given = { local: 'OMP_NUM_THREADS', slurm: 'SLURM_CPUS_PER_TASK' }[launcher as string];
  const share = (given && numberIn(env, given, 1)) || Math.floor(cores / localWorld);
  return Math.min(cores, Math.max(1, share));
}

function read(root: string, file: string): string {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return '';
  }
}

function list(root: string, folder: string): string[] {
  try {
    return readdirSync(join(root, folder));
  } catch {
    return [];
  }
}
