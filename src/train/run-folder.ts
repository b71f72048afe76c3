import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { differences } from '../config/differences.js';
import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';

/**
 * A run's folder:
 *   config.json       the resolved configuration
 *   events.jsonl      every event
 *   checkpoints/      step-00001000.safetensors …, best.safetensors
 *   rejects.jsonl     samples that could not be read
 *   report.html       the page about it
 */
export const configFile = (run: string) => join(run, 'config.json');

/** Paths of the configuration that may change between a run and its continuation: where and how long, never what. */
const free = [
  /^train\.(device|threads|loaderThreads|evaluateEvery|epochs|steps)$/,
  /^checkpoint(\.|$)/,
  /^evaluate(\.|$)/,
  /^title$/,
  /^source$/,
];

/**
 * Makes the folder, or checks that it holds a run of the same recipe to go on with.
 * Throws `run-exists` for a folder with a run and no `resume`, `resume-mismatch` naming every difference.
 */
export function openRunFolder(run: string, config: ResolvedConfig, resume: boolean): void {
  const file = configFile(run);
  if (existsSync(file)) {
    if (!resume) {
      throw new GadoliniumError('run-exists', `expected a new folder for --run but ${run} holds a run`, {
        advice: 'give --resume to go on with it, or another folder',
      });
    }
    const old = JSON.parse(readFileSync(file, 'utf8')) as ResolvedConfig;
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
  mkdirSync(run, { recursive: true });
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`);
}
