import { existsSync } from 'node:fs';
import type { Argv } from 'yargs';
import { GadoliniumError } from '../errors.js';
import { jsonLines, jsonStream } from '../events/jsonl.js';
import { prometheus } from '../events/prometheus.js';
import { tensorBoard } from '../events/tensorboard.js';
import { terminal } from '../events/terminal.js';
import type { EventListener, RunFinished, TrainEvent } from '../events/types.js';
import { launchLocal } from '../launch/local.js';
import { failed, joinLauncher, toLauncher } from '../launch/rank.js';
import { type World, worldFrom } from '../launch/world.js';
import { addon } from '../native/addon.js';
import { writeReport } from '../report/report.js';
import { type TrainRun, train } from '../train/train.js';
import { cacheOf, cacheOptions } from './data-source.js';
import { type PretendArguments, pretendHere, pretendOptions } from './train-pretend.js';

export const command = 'train <recipe>';
export const describe = 'Train a recipe on a prepared data folder';

interface Arguments extends PretendArguments {
  run?: string;
  resume: boolean;
  onError: 'skip' | 'stop';
  tensorboard: boolean;
  prometheus: boolean;
  nproc?: string;
  restarts?: string;
  rankTimeout?: string;
}

type Training = Arguments & { run: string };

export function builder(yargs: Argv) {
  return pretendOptions(cacheOptions(yargs))
    .positional('recipe', {
      type: 'string',
      demandOption: true,
      describe: 'Name of a recipe, or a file whose default export it is',
    })
    .option('data', { type: 'string', demandOption: true, describe: 'Prepared data folder, or s3://bucket/prefix' })
    .option('run', {
      // torchrun of older Pythons refuses `--run`, which could be short for two of its own, wherever it stands.
      alias: 'r',
      type: 'string',
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
    .option('nproc', {
      type: 'string',
      describe: 'Processes to start on this machine, auto: one for each card',
    })
    .option('restarts', {
      type: 'string',
      describe: 'How often to go on from the last checkpoint after a process was lost',
    })
    .option('rank-timeout', {
      type: 'string',
      describe: 'Seconds without a sign of life after which a process counts as lost [300]',
    })
    .example('$0 train clip --data data/mimic-cxr --run runs/first --nproc 8 --restarts 3', 'one process a card')
    .example('$0 train clip --data data/mimic-cxr --run runs/first --set train.batch=512', 'overrides one number')
    .example('$0 train clip --data data/mimic-cxr --run runs/first --resume', 'goes on where it was killed')
    .example('$0 train clip --data data/mimic-cxr --pretend-world 512 --card h100', 'says what 512 cards would take');
}

export async function handler(given: Arguments): Promise<void> {
  if (given.pretendWorld !== undefined) return pretendHere(given);
  const { run } = given;
  if (run === undefined) {
    throw GadoliniumError.expected('usage', 'a folder', '--run', undefined, 'only --pretend-world needs none');
  }
  const argv = { ...given, run };
  const world = worldFrom(process.env);
  if (world.launcher !== 'local' && startsRanks(argv, world)) {
    process.exitCode = await launch(argv);
    return;
  }
  joinLauncher(world);
  const left: Left = {};
  try {
    await trainHere(argv, world, left);
  } catch (error) {
    failed(error, left.finished);
    throw error;
  }
}

/** Whether this process is to start others that train. Throws `usage` where a launcher has started it as one of several. */
function startsRanks({ nproc, restarts, rankTimeout }: Arguments, { launcher, world }: World): boolean {
  const given = Object.entries({ nproc, restarts }).find(([, value]) => value !== undefined);
  if (given && world > 1) {
    throw GadoliniumError.expected(
      'usage',
      `no --${given[0]}`,
      `a process that ${launcher === 'plain' ? 'RANK and WORLD_SIZE say' : `${launcher} says`} is one of ${world}`,
      given[1],
      'who started the processes says how many there are, and starts them anew',
    );
  }
  // One of several obeys --rank-timeout itself: it waits so long for the others.
  return world === 1 && (given !== undefined || rankTimeout !== undefined);
}

const defaultRankTimeout = '300';

/** Runs this very command as several processes. */
function launch({
  nproc = '1',
  restarts = '0',
  rankTimeout = defaultRankTimeout,
  json,
  run,
}: Training): Promise<number> {
  return launchLocal({
    command: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    nproc: nproc === 'auto' ? Math.max(1, addon().devices()) : wholeNumber('nproc', nproc, 1),
    restarts: wholeNumber('restarts', restarts, 0),
    rankTimeout: wholeNumber('rank-timeout', rankTimeout, 2),
    listeners: (begun) => [...(begun ? [jsonLines(run)] : []), ...(json ? [jsonStream(process.stdout)] : [])],
  });
}

/** One process, alone or a rank of several; rank 0 speaks for all. */
async function trainHere(argv: Training, world: World, left: Left): Promise<void> {
  const { rank, launcher } = world;
  const listeners: EventListener[] =
    rank === 0 ? listenersOf(argv, launcher === 'local' ? left : undefined) : [warnings];
  if (launcher === 'local') listeners.push(toLauncher());
  const run = train({
    recipe: argv.recipe,
    data: argv.data,
    cache: cacheOf(argv),
    run: argv.run,
    resume: argv.resume,
    set: argv.set,
    listeners,
    rejects: { onError: argv.onError },
    world,
    rankTimeout: patience(argv.rankTimeout, launcher),
  });
  const signalled = obeySignals(run, rank === 0);
  const finished = await run.done;
  // One that was stopped before it began has nothing to report.
  if (rank === 0 && existsSync(argv.run)) {
    const page = await writeReport(argv.run);
    console.error(`report: ${page}`);
  }
  // A run ended by a signal tells so to whoever restarts it.
  if (finished.reason === 'stopped' && signalled()) process.exitCode = 128 + signalled();
}

/** Seconds that a rank waits for the others: longer than its launcher, which knows better who is to blame. */
function patience(given = defaultRankTimeout, launcher: World['launcher']): number {
  return wholeNumber('rank-timeout', given, 2) + (launcher === 'local' ? 10 : 0);
}

/** What a rank says that does not speak for all: what it alone has met. */
const warnings: EventListener = {
  name: 'warnings',
  on(event) {
    if (event.type === 'warning') console.error(`warning: ${event.message}`);
  },
};

function listenersOf({ run, json, ...argv }: Training, left?: Left): EventListener[] {
  const records = [onceBegun(jsonLines(run)), ...(json ? [jsonStream(process.stdout)] : [])];
  const listeners: EventListener[] = records.map((listener) => (left ? butFailure(listener, left) : listener));
  listeners.push(terminal({ stream: json ? process.stderr : process.stdout }));
  if (argv.tensorboard) listeners.push(onceBegun(tensorBoard(run)));
  if (argv.prometheus) listeners.push(onceBegun(prometheus(run)));
  return listeners;
}

function wholeNumber(option: string, text: string, least: number): number {
  if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
  const wanted = `a whole number from ${least}${option === 'nproc' ? ', or auto,' : ''}`;
  throw GadoliniumError.expected('bad-option', wanted, `--${option}`, text);
}

/** What a rank leaves to its launcher to say. */
interface Left {
  finished?: RunFinished;
}

/** Whether a run that failed is finished, the launcher decides, who may begin it anew; it says so after who was lost. */
function butFailure(listener: EventListener, left: Left): EventListener {
  return {
    name: listener.name,
    on(event) {
      if (event.type !== 'run-finished' || event.reason !== 'failed') return listener.on(event);
      left.finished = event;
      return undefined;
    },
    ...(listener.close ? { close: () => listener.close?.() } : {}),
  };
}

/**
 * A run that is refused has a `run-finished` as its only event, after those of its data: it leaves no trace in a folder that may be
 * another run's.
 */
function onceBegun(listener: EventListener): EventListener {
  let before: TrainEvent[] | undefined = [];
  const begin = async () => {
    const held = before ?? [];
    before = undefined;
    for (const event of held) await listener.on(event);
  };
  return {
    name: listener.name,
    on(event) {
      if (!before) return listener.on(event);
      before.push(event);
      return event.type === 'data-fetch' || event.type === 'run-finished' ? undefined : begin();
    },
    close: () => listener.close?.(),
  };
}

/**
 * SIGTERM, SIGINT: checkpoint, then stop. SIGUSR1 (sent by batch systems ahead of a preemption): checkpoint and go on.
 * A second SIGINT ends at once, without a checkpoint. `says`: of several processes one speaks.
 */
export function obeySignals(run: TrainRun, says = true): () => number {
  let signal = 0;
  const stop = (number: number) => () => {
    if (signal && number === 2) process.exit(130);
    signal = number;
    if (says) console.error('stopping after this step, with a checkpoint (Ctrl-C again: at once, without)');
    run.stop('signal');
  };
  process.on('SIGTERM', stop(15));
  process.on('SIGINT', stop(2));
  process.on('SIGUSR1', () => run.checkpoint('signal'));
  return () => signal;
}
