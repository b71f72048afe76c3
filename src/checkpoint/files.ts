import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readMetadata } from './metadata.js';

/** `<run>/checkpoints/step-00001000.safetensors`; `best.safetensors` is a second name of one of them. */
export const checkpointFolder = (run: string) => join(run, 'checkpoints');
const pattern = /^step-(\d+)\.safetensors$/;

/** Step and path of every checkpoint of a run, newest first. Half-written ones (`.tmp`) do not count. */
export function listCheckpoints(run: string): { step: number; file: string }[] {
  const folder = checkpointFolder(run);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => ({ step: Number(pattern.exec(name)?.[1] ?? -1), file: join(folder, name) }))
    .filter(({ step }) => step >= 0)
    .sort((a, b) => b.step - a.step);
}

/** The newest checkpoint that is whole; `damaged` hears of each newer one that is not. */
export function newestCheckpoint(run: string, damaged: (file: string, reason: string) => void): string | undefined {
  for (const { file } of listCheckpoints(run)) {
    try {
      readMetadata(file, true);
      return file;
    } catch (error) {
      damaged(file, (error as Error).message);
    }
  }
  return undefined;
}

/**
 * Before a resumed run writes: what a kill left half-written goes, and damaged checkpoints newer than `from` get the name
 * `….damaged`, so that they do not count among the newest ones that are kept.
 */
export function clearWay(run: string, from: string): void {
  const folder = checkpointFolder(run);
  for (const name of readdirSync(folder)) if (name.endsWith('.tmp')) rmSync(join(folder, name), { force: true });
  for (const { file } of listCheckpoints(run)) {
    if (file === from) break;
    renameSync(file, `${file}.damaged`);
  }
}

/** Deletes all but the newest `keep`. */
export function retain(run: string, keep: number): void {
  for (const { file } of listCheckpoints(run).slice(keep)) rmSync(file, { force: true });
}

/** Which checkpoint is the best so far, by which metric. */
export interface Best {
  metric: string;
  value: number;
  step: number;
}

const bestRecord = (run: string) => join(checkpointFolder(run), 'best.json');

/**
 * Gives a checkpoint the second name `best.safetensors`, atomically; retention of the first name does not touch it. The record
 * beside it tells a resumed run what has to be beaten.
 */
export function markBest(run: string, file: string, record: Best): void {
  const best = join(checkpointFolder(run), 'best.safetensors');
  const fresh = `${best}.${basename(file)}.tmp`;
  rmSync(fresh, { force: true });
  linkSync(file, fresh);
  renameSync(fresh, best);
  writeFileSync(`${bestRecord(run)}.tmp`, JSON.stringify(record));
  renameSync(`${bestRecord(run)}.tmp`, bestRecord(run));
}

/** The record of the best checkpoint by this metric, where there is one. */
export function bestSoFar(run: string, metric: string): Best | undefined {
  if (!existsSync(bestRecord(run))) return undefined;
  const record = JSON.parse(readFileSync(bestRecord(run), 'utf8')) as Best;
  return record.metric === metric ? record : undefined;
}
