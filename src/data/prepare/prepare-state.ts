/**
 * What an unfinished preparation knows of itself, written whenever a shard is finished: a killed one goes on behind its last
 * finished shard. Beside it a lock, so that two preparations never write into one folder.
 */
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GadoliniumError } from '../../errors.js';
import { type Manifest, REJECTS_FILE, readManifest, type ShardSummary, writeFileWhole } from '../manifest.js';
import type { RejectLine } from '../prepare-events.js';

const STATE_FILE = 'prepare-state.json';
const LOCK_FILE = 'prepare.lock';

export interface PrepareState {
  fingerprint: string;
  /** Source rows that finished shards and the rejects list cover. */
  consumed: number;
  /** Length of the rejects list that belongs to them. */
  rejectBytes: number;
  shards: ShardSummary[];
  /** Pictures of finished shards by number of channels. */
  channels: Record<string, number>;
  longestTokens: number;
  /** Rows by flag. */
  flags: Record<string, number>;
}

export const freshState = (fingerprint: string): PrepareState => ({
  fingerprint,
  consumed: 0,
  rejectBytes: 0,
  shards: [],
  channels: {},
  longestTokens: 0,
  flags: {},
});

export function saveState(folder: string, state: PrepareState): void {
  writeFileWhole(join(folder, STATE_FILE), `${JSON.stringify(state)}\n`);
}

export function removeState(folder: string): void {
  rmSync(join(folder, STATE_FILE), { force: true });
}

/**
 * What a target folder holds: a finished data set of the same options (nothing to do), an unfinished one to go on with, or
 * nothing. Anything else is the user's and is not touched.
 */
export function openTarget(
  folder: string,
  fingerprint: string,
  resume: boolean,
): { finished: Manifest } | { state: PrepareState; rejects: RejectLine[] } {
  const manifest = readManifest(folder);
  if (manifest !== undefined) {
    if (manifest.fingerprint === fingerprint) return { finished: manifest };
    throw new GadoliniumError(
      'other-dataset',
      `expected an empty folder for --to but ${folder} holds ${manifest.name}, prepared from another source or with other options`,
      {
        advice: 'give another folder, or remove this one',
      },
    );
  }
  const path = join(folder, STATE_FILE);
  const others = readdirSync(folder).filter((name) => name !== LOCK_FILE && name !== REJECTS_FILE);
  if (!existsSync(path)) {
    const foreign = others.filter(
      (name) =>
        !/^(?:shard-\d+\.arrow|tokenizer\.json|dataset\.json)(?:\.tmp)?$/.test(name) && name !== `${STATE_FILE}.tmp`,
    );
    if (foreign.length > 0) {
      throw GadoliniumError.expected(
        'foreign-folder',
        'an empty folder',
        `--to ${folder}`,
        foreign.slice(0, 3).join(', '),
        'give another folder',
      );
    }
    clearUnfinished(folder, []);
    rmSync(join(folder, REJECTS_FILE), { force: true });
    return { state: freshState(fingerprint), rejects: [] };
  }
  if (!resume) {
    throw GadoliniumError.expected(
      'unfinished',
      'an empty folder',
      '--to',
      `${folder} with an unfinished preparation`,
      'go on with --resume, or give another folder',
    );
  }
  const state = JSON.parse(readFileSync(path, 'utf8')) as PrepareState;
  if (state.fingerprint !== fingerprint) {
    throw GadoliniumError.expected(
      'other-options',
      'the options and the source that it was begun with',
      `--resume of ${folder}`,
      'others',
      'give the same options, or another folder',
    );
  }
  clearUnfinished(folder, state.shards);
  return { state, rejects: keptRejects(folder, state) };
}

/** Files of shards that were not finished when the preparation ended. */
function clearUnfinished(folder: string, finished: ShardSummary[]): void {
  const keep = new Set(finished.map((shard) => shard.file));
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.tmp') || (/^shard-\d+\.arrow$/.test(name) && !keep.has(name))) rmSync(join(folder, name));
  }
}

function keptRejects(folder: string, state: PrepareState): RejectLine[] {
  const path = join(folder, REJECTS_FILE);
  if (!existsSync(path)) return [];
  truncateSync(path, state.rejectBytes);
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RejectLine);
}

/** Holds the folder until the returned function is called; a lock whose process is gone is taken over. */
export function lockTarget(folder: string): () => void {
  const path = join(folder, LOCK_FILE);
  if (existsSync(path)) {
    const owner = Number(readFileSync(path, 'utf8'));
    if (owner > 0 && owner !== process.pid && alive(owner)) {
      throw GadoliniumError.expected(
        'locked',
        'a folder that nobody writes to',
        `--to ${folder}`,
        `one that process ${owner} is preparing`,
        'wait for it, or give another folder',
      );
    }
  }
  writeFileSync(path, `${process.pid}`);
  return () => rmSync(path, { force: true });
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
