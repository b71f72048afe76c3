import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { coresOfRank } from '../launch/topology.js';
import { single, type World } from '../launch/world.js';
import { addon } from '../native/addon.js';

export interface Machine {
  device: string;
  /** Arithmetic threads. */
  threads: number;
  loaderThreads: number;
}

type Place = Pick<World, 'launcher' | 'localRank' | 'localWorld'>;

/**
 * Settles `auto` and 0 by the machine: a card where there is one, all cores, on a card half of them for the data path. Processes of
 * one machine each have their own card and their share of the cores.
 */
export function settleMachine(config: Pick<ResolvedConfig, 'train'>, world: Place = single): Machine {
  const cards = addon().devices();
  const asked = config.train.device;
  // Some launchers show each process its own card alone.
  const own = `cuda:${cards === 1 ? 0 : world.localRank}`;
  const device = asked === 'auto' ? (cards > 0 ? own : 'cpu') : asked === 'cuda' ? own : asked;
  const cores = coresOfRank(world);
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
