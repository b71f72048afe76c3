import { clearWay, listCheckpoints, newestCheckpoint } from '../checkpoint/files.js';
import { type CheckpointPosition, readMetadata } from '../checkpoint/metadata.js';
import type { Manifest } from '../data/manifest.js';
import { GadoliniumError } from '../errors.js';
import type { Engine } from '../native/engine.js';
import type { Say } from './news.js';
import type { RestoredPosition } from './ranks.js';

/**
 * Loads the newest whole checkpoint of a run; damaged newer ones are named. Nothing where the run has none yet, which is said.
 * Throws `bad-checkpoint` where all are damaged, `resume-mismatch` for other data, `bad-option` for a run that is already longer.
 */
export async function restoreNewest(
  engine: Engine,
  { run, steps, manifest, say }: { run: string; steps: number; manifest: Manifest; say: Say },
): Promise<RestoredPosition | undefined> {
  const file = newestCheckpoint(run, (damaged, reason) =>
    say({
      type: 'warning',
      code: 'checkpoint-damaged',
      message: `${damaged} is damaged (${reason}); the one before it is used`,
    }),
  );
  if (!file) {
    if (listCheckpoints(run).length) {
      throw GadoliniumError.expected(
        'bad-checkpoint',
        'a whole checkpoint',
        `--resume of ${run}`,
        'damaged ones only',
        'start a new run',
      );
    }
    say({
      type: 'warning',
      code: 'nothing-to-resume',
      message: `${run} has no checkpoint yet: the run starts from the beginning`,
    });
    return undefined;
  }
  const { name, fingerprint } = readMetadata(file).metadata.data ?? { name: 'none', fingerprint: '' };
  if (fingerprint !== manifest.fingerprint) {
    throw GadoliniumError.expected(
      'resume-mismatch',
      `the data set of the checkpoint, ${name} ${fingerprint.slice(0, 12)}`,
      '--data',
      `${manifest.name} ${manifest.fingerprint.slice(0, 12)}`,
      'another data set has another order of rows: start a new run',
    );
  }
  const { position } = await engine.later<{ position: CheckpointPosition }>('restore', { file, part: 'all' });
  if (position.step > steps) {
    throw GadoliniumError.expected(
      'bad-option',
      `at least ${position.step} steps`,
      'train.steps of a resumed run',
      steps,
    );
  }
  clearWay(run, file);
  return { ...position, file };
}
