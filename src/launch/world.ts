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
import { worldOfKubernetes } from './kubernetes.js';
import { worldOfSlurm } from './slurm.js';
import { worldOfTorchrun } from './torchrun.js';

/** Which process of how many this one is, and where they meet. */
export interface World {
  rank: number;
  /** Number of processes on all machines. */
  world: number;
  /** The same on this machine: rank `localRank` takes the card of that number. */
  localRank: number;
  localWorld: number;
  /** Where the store listens that the processes meet at. Port 0: rank 0 takes a free one, and `rendezvous` tells the others. */
  address: string;
  port: number;
  /** Whether the launcher itself serves that store: then rank 0 joins it as a client like all others. */
  served: boolean;
  launcher: 'single' | 'local' | 'torchrun' | 'slurm' | 'kubernetes' | 'plain';
  /** How many restarts came before. A store that outlives one needs it in its keys. */
  restart: number;
}

/** Variables of which each says by itself that there is a world. */
const signs = ['RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'];

/**
 * Reads the world from the variables of the launcher that started this process. Where there are several (torchrun inside of
 * srun), the innermost counts: our own, torchrun, variables set by hand or by Kubernetes, Slurm. None: rank 0 of 1.
 *
 * Throws `usage`, naming the variable, where variables are half set, no numbers, or contradict each other.
 */
export function worldFrom(env: Environment): World {
  const launcher = textIn(env, 'GADOLINIUM_LAUNCHER');
  if (launcher === 'local') return worldOfLocal(env);
  if (launcher)
    throw wrong('GADOLINIUM_LAUNCHER', "'local' or nothing", launcher, 'unset it: gadolinium sets it itself');
  if (firstSet(env, ['TORCHELASTIC_RUN_ID', 'TORCHELASTIC_RESTART_COUNT'])) return worldOfTorchrun(env);
  const slurm = worldOfSlurm(env);
  const kubernetes = worldOfKubernetes(env);
  if (kubernetes) return kubernetes;
  // Under srun, an address alone says where to meet.
  const sign = firstSet(env, slurm ? ['RANK', 'WORLD_SIZE'] : signs);
  if (!sign) return slurm ?? single;
  const plain = worldOfPlain(env, sign);
  if (slurm && slurm.world === plain.world && slurm.rank !== plain.rank) {
    throw wrong(
      'RANK',
      `SLURM_PROCID = ${slurm.rank}`,
      plain.rank,
      'unset RANK and WORLD_SIZE: under srun nobody needs them',
    );
  }
  return plain;
}

/** A process that trains alone. */
export const single: World = {
  rank: 0,
  world: 1,
  localRank: 0,
  localWorld: 1,
  address: '127.0.0.1',
  port: 0,
  served: false,
  launcher: 'single',
  restart: 0,
};

/** What `launchLocal` sets. */
function worldOfLocal(env: Environment): World {
  const why = 'GADOLINIUM_LAUNCHER is set';
  const rank = neededNumber(env, 'RANK', why);
  const world = neededNumber(env, 'WORLD_SIZE', why, 1);
  checkCounts({
    rank: ['RANK', rank],
    world: ['WORLD_SIZE', world],
    localRank: ['RANK', rank],
    localWorld: ['WORLD_SIZE', world],
  });
  return {
    ...single,
    rank,
    world,
    localRank: rank,
    localWorld: world,
    launcher: 'local',
    restart: numberIn(env, 'GADOLINIUM_RESTART') ?? 0,
  };
}

/** RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, and where given LOCAL_RANK and LOCAL_WORLD_SIZE. */
function worldOfPlain(env: Environment, sign: string): World {
  const why = `${sign} is set`;
  const rank = neededNumber(env, 'RANK', why);
  const world = neededNumber(env, 'WORLD_SIZE', why, 1);
  const meeting =
    world > 1
      ? { address: neededText(env, 'MASTER_ADDR', why), port: neededNumber(env, 'MASTER_PORT', why, 1, 65_535) }
      : { address: single.address, port: single.port };
  // Without word of machines: all on this one where they meet on it, else each on its own.
  const here = /^(127\.|localhost$|::1$)/.test(meeting.address);
  const localRank = numberIn(env, 'LOCAL_RANK') ?? (here ? rank : 0);
  const localWorld = numberIn(env, 'LOCAL_WORLD_SIZE', 1) ?? (here ? world : localRank + 1);
  checkCounts({
    rank: ['RANK', rank],
    world: ['WORLD_SIZE', world],
    localRank: ['LOCAL_RANK', localRank],
    localWorld: ['LOCAL_WORLD_SIZE', localWorld],
  });
  return { ...single, ...meeting, rank, world, localRank, localWorld, launcher: 'plain' };
}
