import type { Argv } from 'yargs';
import { jsonLines, jsonStream } from '../events/jsonl.js';
import { prometheus } from '../events/prometheus.js';
import { tensorBoard } from '../events/tensorboard.js';
import { terminal } from '../events/terminal.js';
import type { EventListener } from '../events/types.js';
import { writeReport } from '../report/report.js';
import { type TrainRun, train } from '../train/train.js';

export const command = 'train <recipe>';
export const describe = 'Train a recipe on a prepared data folder';

interface Arguments {
  recipe: string;
  data: string;
  run: string;
  resume: boolean;
  set: string[];
  onError: 'skip' | 'stop';
  tensorboard: boolean;
  prometheus: boolean;
  json: boolean;
}

export function builder(yargs: Argv) {
  return yargs
    .positional('recipe', {
      type: 'string',
      demandOption: true,
      describe: 'Name of a recipe, or a file whose default export it is',
    })
    .option('data', { type: 'string', demandOption: true, describe: 'Prepared data folder' })
    .option('run', {
      type: 'string',
      demandOption: true,
      describe: 'Folder of the run: new, or with --resume an old one',
    })
    .option('resume', { type: 'boolean', default: false, describe: 'Go on from the newest whole checkpoint of --run' })
    .option('set', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Override PATH=VALUE of the recipe; may be repeated',
    })
    .option('on-error', {
      choices: ['skip', 'stop'] as const,
      default: 'skip' as const,
      describe: 'What to do with samples that cannot be read',
    })
    .option('tensorboard', { type: 'boolean', default: false, describe: 'Write TensorBoard files into the run folder' })
    .option('prometheus', {
      type: 'boolean',
      default: false,
      describe: 'Keep metrics.prom in the run folder up to date',
    })
    .option('json', { type: 'boolean', default: false, describe: 'One event a line on standard output' })
    .example('$0 train clip --data data/mimic-cxr --run runs/first --set train.batch=512', 'overrides one number')
    .example('$0 train clip --data data/mimic-cxr --run runs/first --resume', 'goes on where it was killed');
}

export async function handler(argv: Arguments): Promise<void> {
  const listeners: EventListener[] = [onceBegun(jsonLines(argv.run))];
  if (argv.json) listeners.push(jsonStream(process.stdout));
  listeners.push(terminal({ stream: argv.json ? process.stderr : process.stdout }));
  if (argv.tensorboard) listeners.push(onceBegun(tensorBoard(argv.run)));
  if (argv.prometheus) listeners.push(onceBegun(prometheus(argv.run)));
  const run = train({
    recipe: argv.recipe,
    data: argv.data,
    run: argv.run,
    resume: argv.resume,
    set: argv.set,
    listeners,
    rejects: { onError: argv.onError },
  });
  const signalled = obeySignals(run);
  const finished = await run.done;
  const page = await writeReport(argv.run);
  console.error(`report: ${page}`);
  // A run ended by a signal tells so to whoever restarts it.
  if (finished.reason === 'stopped' && signalled()) process.exitCode = 128 + signalled();
}

/** A run that is refused has a `run-finished` as its only event: it leaves no trace in a folder that may be another run's. */
function onceBegun(listener: EventListener): EventListener {
  let begun = false;
  return {
    name: listener.name,
    on(event) {
      begun ||= event.type !== 'run-finished';
      return begun ? listener.on(event) : undefined;
    },
    close: () => listener.close?.(),
  };
}

/**
 * SIGTERM, SIGINT: checkpoint, then stop. SIGUSR1 (sent by batch systems ahead of a preemption): checkpoint and go on.
 * A second SIGINT ends at once, without a checkpoint.
 */
export function obeySignals(run: TrainRun): () => number {
  let signal = 0;
  const stop = (number: number) => () => {
    if (signal && number === 2) process.exit(130);
    signal = number;
    console.error('stopping after this step, with a checkpoint (Ctrl-C again: at once, without)');
    run.stop('signal');
  };
  process.on('SIGTERM', stop(15));
  process.on('SIGINT', stop(2));
  process.on('SIGUSR1', () => run.checkpoint('signal'));
  return () => signal;
}
