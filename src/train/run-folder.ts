import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences } from '../config/differences.js';
import type { ResolvedConfig } from '../config/schema.js';
import { writeFileWhole } from '../data/manifest.js';
import { GadoliniumError } from '../errors.js';

/**
 * A run's folder:
 *   config.json       the resolved configuration, and the overrides that were given
 *   events.jsonl      every event
 *   checkpoints/      step-00001000.safetensors …, best.safetensors
 *   rejects.jsonl     samples that could not be read
 *   report.html       the page about it
 */
export const configFile = (run: string) => join(run, 'config.json');

/** Paths of the configuration that may change between a run and its continuation: where and how long, never what. */
const free = [
  /^train\.(device|threads|loaderThreads|evaluateEvery|epochs|steps)$/,
  /^optimise\.sharded$/,
  /^checkpoint(\.|$)/,
  /^evaluate(\.|$)/,
  /^title$/,
  /^source$/,
  // The same weights may lie elsewhere by now: their hash says whether they are the same.
  /^(encoders|heads|objectives)\.[^.]+\.init\.(file|source)$/,
];

/**
 * Whether the folder is new, or holds a run of the same recipe to go on with.
 * Throws `run-exists` for a folder with a run and no `resume`, `resume-mismatch` naming every difference, `bad-run` for a damaged one.
 */
export function checkRunFolder(run: string, config: ResolvedConfig, resume: boolean): void {
  const file = configFile(run);
  if (!existsSync(file)) return;
  if (!resume) {
    throw new GadoliniumError('run-exists', `expected a new folder for --run but ${run} holds a run`, {
      advice: 'give --resume to go on with it, or another folder',
    });
  }
  const { overrides: _, ...old } = readRunConfig(file);
  const changed = differences(old, config).filter(({ path }) => !free.some((one) => one.test(path)));
  if (changed.length) {
    const list = changed
      .map(({ path, a, b }) => `${path} was ${JSON.stringify(a)}, now ${JSON.stringify(b)}`)
      .join('; ');
    throw new GadoliniumError('resume-mismatch', `expected the configuration of ${run} but it differs: ${list}`, {
      advice: 'resume with the same recipe and overrides, or start a new run',
    });
  }
}

/** The configuration that a run began with, where there is one. Throws `bad-run` for a damaged one. */
export function configOfRun(run: string): ResolvedConfig | undefined {
  return existsSync(configFile(run)) ? readRunConfig(configFile(run)) : undefined;
}

function readRunConfig(file: string): ResolvedConfig & { overrides?: unknown } {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new GadoliniumError(
      'bad-run',
      `expected the configuration of a run for ${file} but got: ${(error as Error).message}`,
      {
        advice: 'start a new run; its checkpoints can still be evaluated',
      },
    );
  }
}

/** Makes the folder of a run that nothing can refuse any more. */
export function beginRunFolder(run: string, config: ResolvedConfig, overrides: readonly string[]): void {
  mkdirSync(run, { recursive: true });
  writeFileWhole(configFile(run), `${JSON.stringify({ ...config, overrides }, null, 2)}\n`);
}
