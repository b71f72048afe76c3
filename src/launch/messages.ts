import type { RunFinished } from '../events/types.js';

/** What a rank and the launcher of its machine say to each other, over the IPC channel between the two processes. */
export type RankMessage = Port | Beat | Begun | Failed;
export type LauncherMessage = Port;

/** Where the store of rank 0 listens: from rank 0 to the launcher, from there to the others. */
export interface Port {
  type: 'port';
  port: number;
}

/** A sign of life, at least once a second, and at every new place. */
export interface Beat extends Place {
  type: 'beat';
}

/** The run's folder is this run's now: the launcher may write into it, and start the ranks anew with --resume. */
export interface Begun {
  type: 'begun';
}

/** The last words of a rank. */
export interface Failed extends Place {
  type: 'failed';
  /** Of the error, and its sentence. */
  code: string;
  message: string;
  /** When it failed: milliseconds since the epoch. Ranks of one machine have one clock. */
  time: number;
  /** Rank 0's last event, which it leaves to the launcher: only a run that is not begun anew is finished. */
  finished?: RunFinished;
}

/** What a rank is doing. */
export interface Place {
  /** The last whole step. */
  step: number;
  /** A word: 'start', 'forward', 'evaluation' … */
  phase: string;
}

/**
 * Codes of errors that say that another rank is gone, not why: whoever has one is never the first cause where anybody has
 * another.
 */
export const consequences: readonly string[] = ['peer-lost', 'no-meeting', 'rendezvous-timeout'];
