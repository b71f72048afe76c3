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

/** Settles `auto` and 0 by the machine: a card where there is one, all cores, on a card half of them for the data path. */
export function settleMachine(config: ResolvedConfig): Machine {
  const cards = addon().devices();
  const asked = config.train.device;
  const device = asked === 'auto' ? (cards > 0 ? 'cuda:0' : 'cpu') : asked === 'cuda' ? 'cuda:0' : asked;
  const cores = availableParallelism();
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
