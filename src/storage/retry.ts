import { setTimeout as pause } from 'node:timers/promises';
import { GadoliniumError } from '../errors.js';

export interface Patience {
  /** Tries in all. */
  tries: number;
  /** Milliseconds before the second try, twice as many before each further one. */
  backOff: number;
}

/** Waits 31 to 63 seconds in all: a store that restarts is waited for, one that is gone is named soon. */
export const patience: Patience = { tries: 7, backOff: 1000 };

/**
 * Does work that may fail for a while (`no-answer`), and again; everything else fails at once. Waits are halved at random, so that a
 * thousand processes whose store broke down do not come back in step.
 */
export async function retry<T>(
  work: () => Promise<T>,
  { tries, backOff }: Patience = patience,
  signal?: AbortSignal,
): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await work();
    } catch (error) {
      const { code, message, advice } = error as GadoliniumError;
      if (code !== 'no-answer') throw error;
      if (tried >= tries) throw new GadoliniumError(code, `${message}, ${tries} times`, { advice, cause: error });
      await pause(backOff * 2 ** (tried - 1) * (0.5 + Math.random() / 2), undefined, signal ? { signal } : {});
    }
  }
}
