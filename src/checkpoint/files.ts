import { existsSync, linkSync, readdirSync, renameSync, rmSync } from 'node:fs';
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

/** Deletes all but the newest `keep`, and what a kill left half-written. */
export function retain(run: string, keep: number): void {
  for (const { file } of listCheckpoints(run).slice(keep)) rmSync(file, { force: true });
}

/** Gives a checkpoint the second name `best.safetensors`, atomically; retention of the first name does not touch it. */
export function markBest(run: string, file: string): void {
  const best = join(checkpointFolder(run), 'best.safetensors');
  const fresh = `${best}.${basename(file)}.tmp`;
  rmSync(fresh, { force: true });
  linkSync(file, fresh);
  renameSync(fresh, best);
}
