// @ts-check
import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { size } from './progress.mjs';

/** @param {string} folder need not exist yet @returns {number} bytes that may be written there */
export function freeSpace(folder) {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}

/**
 * Stops before a long fetch that could not end well.
 * @param {string} folder
 * @param {number} needed bytes
 * @param {string} what e.g. `libtorch`
 * @param {number} [free] bytes
 */
export function expectFreeSpace(folder, needed, what, free = freeSpace(folder)) {
  if (free < needed)
    throw new SetupFailure(
      `expected ${size(needed)} of free disk space in ${folder} for ${what} but got ${size(free)}`,
      'Free some space, or put the cache on a larger disk with the variable XDG_CACHE_HOME.',
    );
}
