// @ts-check

/** Something that set-up cannot mend by itself: one sentence that says what is wrong, one that says what to do. */
export class SetupFailure extends Error {
  /**
   * @param {string} what expected X for Y but got Z
   * @param {string} remedy what the reader can do
   */
  constructor(what, remedy) {
    super(what);
    this.name = 'SetupFailure';
    this.remedy = remedy;
  }
}

/**
 * Turns the file system's and the network's own errors into sentences; leaves a SetupFailure as it is.
 * @param {unknown} error
 * @returns {SetupFailure}
 */
export function asFailure(error) {
  if (error instanceof SetupFailure) return error;
  const known = /** @type {NodeJS.ErrnoException & { cause?: NodeJS.ErrnoException }} */ (error);
  const code = known?.code ?? known?.cause?.code;
  const place = known?.path ? ` (${known.path})` : '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new SetupFailure(
      `expected room on the disk but got none while writing${place}`,
      'Free some space, or put the cache on a larger disk with the variable XDG_CACHE_HOME, and run the same command again.',
    );
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
    return new SetupFailure(
      `expected a folder that may be written to but got "${code}"${place}`,
      'Give yourself the right to write there, or put the cache elsewhere with the variable XDG_CACHE_HOME.',
    );
  const message = known instanceof Error ? (known.stack ?? known.message) : String(error);
  return new SetupFailure(message, 'This is not an error that set-up knows; the lines above say where it arose.');
}
