import {
  checkCounts,
  type Environment,
  firstSet,
  neededNumber,
  neededText,
  numberIn,
  textIn,
  wrong,
} from './environment.js';
import type { World } from './world.js';

/**
 * A task of `srun gadolinium train …`, or nothing where srun did not start several: the script of sbatch and the shell of
 * `srun --pty` see SLURM_NTASKS of the whole job, but are alone. What tells is the step, not the job.
 */
export function worldOfSlurm(env: Environment): World | undefined {
  const step = firstSet(env, ['SLURM_STEP_ID', 'SLURM_STEPID']);
  if (!step) return undefined;
  const counts = ['SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS', 'SLURM_NPROCS'];
  const worldName = firstSet(env, counts) ?? 'SLURM_NTASKS';
  const why = `${step} is set`;
  const world = neededNumber(env, worldName, why, 1);
  if (world === 1) return undefined;
  const rank = neededNumber(env, 'SLURM_PROCID', why);
  const localRank = neededNumber(env, 'SLURM_LOCALID', why);
  const [localName, localWorld] = tasksHere(env, world);
  checkCounts({
    rank: ['SLURM_PROCID', rank],
    world: [worldName, world],
    localRank: ['SLURM_LOCALID', localRank],
    localWorld: [localName, localWorld],
  });
  return {
    rank,
    world,
    localRank,
    localWorld,
    address: textIn(env, 'MASTER_ADDR') ?? firstHost(env, why),
    port: numberIn(env, 'MASTER_PORT', 1, 65_535) ?? portOf(env, step, why),
    served: false,
    launcher: 'slurm',
    restart: numberIn(env, 'SLURM_RESTART_COUNT') ?? 0,
  };
}

/** The variable that says how many tasks this machine has, and the number. */
function tasksHere(env: Environment, world: number): [name: string, count: number] {
  const name = firstSet(env, ['SLURM_STEP_TASKS_PER_NODE', 'SLURM_TASKS_PER_NODE', 'SLURM_NTASKS_PER_NODE']);
  // One machine, or none of the three: at most all of them.
  if (!name) return ['SLURM_NTASKS', world];
  const text = textIn(env, name) as string;
  const counts = countsOf(text) ?? [];
  const node = numberIn(env, 'SLURM_NODEID') ?? 0;
  const count = counts.length === 1 ? counts[0] : counts[node];
  if (!count) throw wrong(name, `numbers of tasks like 8 or 4(x2),3 that reach to machine ${node}`, text);
  return [name, count];
}

/** `2(x3),1` → 2, 2, 2, 1. */
export function countsOf(text: string): number[] | undefined {
  const counts: number[] = [];
  for (const part of text.split(',')) {
    const found = /^(\d+)(?:\(x(\d+)\))?$/.exec(part.trim());
    if (!found) return undefined;
    for (let i = 0; i < Number(found[2] ?? 1); i++) counts.push(Number(found[1]));
  }
  return counts;
}

/** Task 0 runs on the first machine of the list, where no other order was asked of srun. */
function firstHost(env: Environment, why: string): string {
  const name = firstSet(env, ['SLURM_STEP_NODELIST', 'SLURM_JOB_NODELIST', 'SLURM_NODELIST']) ?? 'SLURM_STEP_NODELIST';
  const list = neededText(env, name, why);
  const host = firstHostOf(list);
  if (!host) throw wrong(name, 'machines like gpu[03-05,9],login1', list, 'set MASTER_ADDR to the machine of task 0');
  return host;
}

/** `gpu[03-05,9],login1` → `gpu03`; with several brackets the first of each. */
export function firstHostOf(list: string): string | undefined {
  const host = /^((?:[^[\],\s]|\[[^[\]]+\])+)(?:,|$)/.exec(list.trim())?.[1];
  const first = host?.replace(/\[([^\]]*)\]/g, (_, numbers: string) => /^\d+/.exec(numbers)?.[0] ?? '?');
  return first?.includes('?') ? undefined : first;
}

/** Below the range from which the kernel gives ports to whoever asks for any; another for each step and each requeue. */
function portOf(env: Environment, step: string, why: string): number {
  const job = neededNumber(env, firstSet(env, ['SLURM_JOB_ID', 'SLURM_JOBID']) ?? 'SLURM_JOB_ID', why);
  const number = numberIn(env, step) ?? 0;
  const restart = numberIn(env, 'SLURM_RESTART_COUNT') ?? 0;
  return 15_000 + ((job * 7 + number * 131 + restart * 17) % 15_000);
}
