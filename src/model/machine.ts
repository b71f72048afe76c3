import { availableParallelism } from 'node:os';
import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { addon } from '../native/addon.js';

export interface Machine {
  device: string;
  /** Arithmetic threads. */
  threads: number;
  loaderThreads: number;
}

/**
 * Settles `auto` and 0 by the machine: a card where there is one, all cores, on a card half of them for the data path. Processes of
 * one machine each have their own card and their share of the cores.
 */
export function settleMachine(
  config: ResolvedConfig,
  { localRank, localWorld } = { localRank: 0, localWorld: 1 },
): Machine {
  const cards = addon().devices();
  const asked = config.train.device;
  const own = `cuda:${localRank}`;
  const device = asked === 'auto' ? (cards > 0 ? own : 'cpu') : asked === 'cuda' ? own : asked;
  const cores = coresOf(localWorld, process.env);
  if (device.startsWith('cuda')) {
    const index = Number(device.split(':')[1] ?? 0);
    if (!(index < cards)) {
      throw GadoliniumError.expected(
        'no-device',
        `one of ${cards} cards`,
        'train.device',
        asked,
        '`gadolinium doctor` says what was found',
      );
    }
    return {
      device,
      threads: config.train.threads || Math.min(cores, 4),
      loaderThreads: config.train.loaderThreads || Math.max(1, cores - 2),
    };
  }
  return {
    device,
    threads: config.train.threads || cores,
    loaderThreads: config.train.loaderThreads || Math.max(1, Math.floor(cores / 2)),
  };
}

/** Cores of one process: what the launcher has set aside for it, or its share of all. */
function coresOf(localWorld: number, env: NodeJS.ProcessEnv): number {
  const given = env['GADOLINIUM_LAUNCHER'] === 'local' ? env['OMP_NUM_THREADS'] : env['SLURM_CPUS_PER_TASK'];
  return Number(localWorld > 1 ? given : undefined) || Math.max(1, Math.floor(availableParallelism() / localWorld));
}
