import { spawnSync } from 'node:child_process';
import { constants, hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { EventBus } from '../events/bus.js';
import type { EventListener, RankLost, TrainEvent } from '../events/types.js';
import { bindRanks } from './binding.js';
import { textIn } from './environment.js';
import { writeLine } from './lines.js';
import { memoryKills } from './memory-kills.js';
import { RankProcess } from './rank-process.js';
import { type Cause, type Outcome, Supervisor } from './supervise.js';
import { availableCores, formatCpus, nodesOfCards, readTopology } from './topology.js';

export interface LaunchOptions {
  /** argv of a rank. */
  command: readonly string[];
  /** Ranks on this machine. */
  nproc: number;
  /** How often all ranks may be started anew after one was lost; default 0. */
  restarts?: number;
  /** What is added to the command of a restart once the run has begun; default `--resume`. */
  resume?: readonly string[];
  /** Seconds without a sign of life after which a rank counts as hung; default 300. */
  rankTimeout?: number;
  /** Seconds from a rank's loss, or a second signal, until the others are killed; default 15. */
  grace?: number;
  /** Seconds before the first restart, twice as many before each further one, up to 60; default 1. */
  backOff?: number;
  /** Told of lost ranks and of the end that rank 0 left to be told, when no rank runs any more; `begun` says whether the run's folder is this run's. Made anew for each loss. */
  listeners?: (begun: boolean) => readonly EventListener[];
  env?: NodeJS.ProcessEnv;
}

/** Signals that are passed on to all ranks. */
const forwarded: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGWINCH'];
const longestBackOff = 60;

/**
 * Runs a command as `nproc` ranks of this machine, and again where one is lost. Gives the exit status: 0, 1 failed, 2 wrong
 * usage, 128 and the signal's number after SIGTERM or SIGINT.
 */
export async function launchLocal(options: LaunchOptions): Promise<number> {
  const launch = new Launch(options);
  const handlers = forwarded.map((signal) => [signal, () => launch.signal(signal)] as const);
  const suspend = () => launch.suspend();
  for (const [signal, handler] of handlers) process.on(signal, handler);
  process.on('SIGTSTP', suspend);
  // A reader of standard error that went away (`2>&1 | head`) is no reason to end ranks.
  process.stderr.on('error', () => {});
  try {
    return await launch.run();
  } finally {
    for (const [signal, handler] of handlers) process.off(signal, handler);
    process.off('SIGTSTP', suspend);
  }
}

class Launch {
  readonly #options: Required<Omit<LaunchOptions, 'listeners'>> & Pick<LaunchOptions, 'listeners'>;
  /** In front of each rank's command. */
  readonly #wrappers: string[][];
  readonly #threads: string;
  #ranks: RankProcess[] = [];
  #supervisor: Supervisor | undefined;
  #begun = false;
  #stop: NodeJS.Signals | undefined;
  readonly #stopped = new AbortController();

  constructor(options: LaunchOptions) {
    const defaults = { restarts: 0, resume: ['--resume'], rankTimeout: 300, grace: 15, backOff: 1, env: process.env };
    this.#options = { ...defaults, ...options };
    const { nproc } = options;
    const cores = availableCores();
    const { cpus, said } = settleBinding(nproc, cores);
    const mortal = worksHere(['setpriv', '--pdeathsig', 'KILL']) ? ['setpriv', '--pdeathsig', 'KILL'] : [];
    this.#wrappers = Array.from({ length: nproc }, (_, rank) => {
      const list = cpus?.[rank];
      return [...(list ? ['taskset', '-c', formatCpus(list)] : []), ...mortal];
    });
    const given = textIn(this.#options.env, 'OMP_NUM_THREADS');
    this.#threads = given ?? String(Math.max(1, Math.floor(cores / nproc)));
    const ranks = nproc === 1 ? '1 rank' : `${nproc} ranks`;
    say(`${ranks} on ${hostname()}, OMP_NUM_THREADS=${this.#threads}; ${said}`);
  }

  async run(): Promise<number> {
    const { restarts, backOff } = this.#options;
    for (let restart = 0; ; restart++) {
      const { status, cause, lost } = await this.#attempt(restart);
      const again = cause && status !== 2 && this.#mayRestart(cause) && restart < restarts;
      // The run is finished only where it is not begun anew.
      const finished = again ? undefined : this.#ranks[0]?.failure?.finished;
      await this.#report([lost, finished].filter((event) => event !== undefined));
      if (!again) return status;
      const seconds = Math.min(backOff * 2 ** restart, longestBackOff);
      const how = this.#begun ? 'from the last checkpoint' : 'from the beginning';
      say(`all ranks start anew ${how} in ${seconds} s (restart ${restart + 1} of ${restarts})`);
      await pause(seconds * 1000, undefined, { signal: this.#stopped.signal }).catch(() => {});
      if (this.#stop) return 128 + constants.signals[this.#stop];
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (signal === 'SIGTERM' || signal === 'SIGINT') {
      this.#stop ??= signal;
      this.#stopped.abort();
    }
    this.#supervisor?.forward(signal);
  }

  /** Ctrl-Z stops the ranks, which the terminal does not reach, and then this process; `fg` wakes both. */
  suspend(): void {
    for (const rank of this.#ranks) rank.kill('SIGSTOP');
    process.once('SIGCONT', () => {
      for (const rank of this.#ranks) rank.kill('SIGCONT');
    });
    process.kill(process.pid, 'SIGSTOP');
  }

  async #attempt(restart: number): Promise<Outcome & { lost?: RankLost }> {
    const killsBefore = memoryKills();
    this.#ranks = this.#wrappers.map((_, rank) => this.#start(rank, restart));
    const [first, ...others] = this.#ranks;
    // The port is one that rank 0 holds already, so that nobody can take it in between.
    first?.on('port', (port) => {
      for (const rank of others) rank.send({ type: 'port', port });
    });
    first?.on('begun', () => {
      this.#begun = true;
    });
    let event: RankLost | undefined;
    this.#supervisor = new Supervisor(this.#ranks, this.#options, (cause) => {
      event = lossOf(cause, killsBefore);
      say(
        `lost rank ${event.lost} (process ${event.pid} on ${event.host}) at step ${event.step} during ${event.phase}: ${event.message}`,
      );
      const others = this.#ranks.filter(({ rank }) => rank !== cause.rank.rank);
      const places = others.map(({ rank, place }) => `rank ${rank} at step ${place.step} during ${place.phase}`);
      if (this.#begun && places.length > 0) say(`meanwhile ${places.join(', ')}`);
    });
    const outcome = await this.#supervisor.outcome;
    if (event) {
      for (const { rank, failure } of this.#ranks) {
        if (failure && rank !== event.lost)
          say(`after that, rank ${rank} failed: ${failure.message} [${failure.code}]`);
      }
    }
    return { ...outcome, ...(event ? { lost: event } : {}) };
  }

  #start(rank: number, restart: number): RankProcess {
    const { command, resume, nproc } = this.#options;
    const more = restart && this.#begun ? resume.filter((word) => !command.includes(word)) : [];
    const { MASTER_PORT: _, ...env } = this.#options.env;
    return new RankProcess({
      rank,
      command: [...(this.#wrappers[rank] ?? []), ...command, ...more],
      env: {
        ...env,
        OMP_NUM_THREADS: this.#threads,
        GADOLINIUM_LAUNCHER: 'local',
        GADOLINIUM_RESTART: String(restart),
        RANK: String(rank),
        WORLD_SIZE: String(nproc),
        LOCAL_RANK: String(rank),
        LOCAL_WORLD_SIZE: String(nproc),
        MASTER_ADDR: '127.0.0.1',
      },
    });
  }

  /** A run that was refused would be refused again; and resuming would be another run's, where its folder was the reason. */
  #mayRestart({ reason }: Cause): boolean {
    return !this.#stop && (this.#begun || reason === 'signal' || reason === 'hung');
  }

  async #report(events: readonly TrainEvent[]): Promise<void> {
    if (!events.length) return;
    const bus = new EventBus(this.#options.listeners?.(this.#begun) ?? []);
    for (const event of events) bus.push(event);
    for (const { message } of await bus.close()) say(message);
  }
}

function lossOf(cause: Cause, killsBefore: number | undefined): RankLost {
  const { rank, reason, status, signal, code } = cause;
  const kills = signal === 'SIGKILL' && killsBefore !== undefined ? (memoryKills() ?? 0) - killsBefore : 0;
  const memory = kills > 0 ? ': out of memory, as the kernel says of this job (oom_kill)' : '';
  return {
    type: 'rank-lost',
    time: Date.now(),
    rank: rank.rank,
    lost: rank.rank,
    host: hostname(),
    pid: rank.pid,
    ...rank.place,
    reason,
    ...(status === undefined ? {} : { status }),
    ...(signal === undefined ? {} : { signal }),
    ...(code === undefined ? {} : { code }),
    message: cause.message + memory,
  };
}

/** The hardware threads of each rank, and how that is put. */
function settleBinding(nproc: number, cores: number): { cpus?: number[][]; said: string } {
  if (nproc < 2) return { said: 'bound to no cores' };
  const topology = readTopology();
  if (!topology) return { said: 'bound to no cores: /proc or /sys says nothing of them' };
  const all = topology.nodes.flatMap((node) => node.cores).length;
  const threads = topology.nodes.flatMap((node) => node.cores.flat()).length;
  // Which cores a share of their time is best spent on, the kernel knows better.
  if (cores < threads) return { said: `bound to no cores: this job has the time of ${cores} of ${threads}` };
  const cpus = bindRanks(topology, nproc, nodesOfCards());
  if (!cpus) return { said: `bound to no cores: there are ${all}` };
  if (!worksHere(['taskset', '-c', formatCpus(cpus[0] ?? [])]))
    return { said: 'bound to no cores: no taskset (util-linux)' };
  return { cpus, said: `bound to cores ${cpus.map(formatCpus).join(' | ')}` };
}

function worksHere(wrapper: readonly string[]): boolean {
  const [program = '', ...args] = wrapper;
  return spawnSync(program, [...args, 'true'], { stdio: 'ignore', timeout: 5000 }).status === 0;
}

function say(text: string): void {
  writeLine(`[launcher] ${text}`);
}
