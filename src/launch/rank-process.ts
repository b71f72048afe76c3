import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { prefixLines } from './lines.js';
import type { Failed, LauncherMessage, Place, RankMessage } from './messages.js';

export interface RankStart {
  rank: number;
  /** argv, with whatever wraps it (taskset, setpriv) in front: each of them becomes the next by exec, so that the pid stays. */
  command: readonly string[];
  env: NodeJS.ProcessEnv;
}

export interface End {
  status: number | null;
  signal: NodeJS.Signals | null;
  /** Milliseconds since the epoch. */
  time: number;
}

interface RankEvents {
  /** Told that it failed, or ended. */
  changed: [];
  /** Only of rank 0. */
  port: [port: number];
  begun: [];
}

/** Milliseconds that the output of an ended rank may take to come: a process that it left behind can hold the pipe. */
const outputMilliseconds = 1000;

/** One rank as the launcher sees it. */
export class RankProcess extends EventEmitter<RankEvents> {
  readonly rank: number;
  readonly pid: number;
  readonly #child: ChildProcess;
  place: Place = { step: 0, phase: 'start' };
  /** When it last gave a sign of life; milliseconds since the epoch. */
  heard = Date.now();
  failure: Failed | undefined;
  end: End | undefined;
  /** Settles when it has ended and its lines are passed on. */
  readonly gone: Promise<void>;

  constructor({ rank, command, env }: RankStart) {
    super();
    this.rank = rank;
    const [program = '', ...args] = command;
    this.#child = spawn(program, args, {
      env,
      // Rank 0 speaks for all, with one progress display.
      stdio: rank === 0 ? ['ignore', 'inherit', 'inherit', 'ipc'] : ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session of its own: Ctrl-C of the terminal reaches the launcher alone, which passes it on once.
      detached: true,
    });
    this.pid = this.#child.pid ?? 0;
    for (const stream of [this.#child.stdout, this.#child.stderr]) if (stream) prefixLines(stream, `[rank ${rank}] `);
    this.#child.on('message', (message: RankMessage) => this.#take(message));
    this.#child.on('exit', (status, signal) => this.#ended(status, signal));
    this.#child.on('error', (error) => {
      // Of sending, too: only one that never was started has no exit to come.
      if (this.pid) return;
      this.failure ??= { type: 'failed', code: 'no-process', message: error.message, time: Date.now(), ...this.place };
      this.#ended(1, null);
    });
    this.gone = this.#goes();
  }

  send(message: LauncherMessage): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** To the process, or with `all` also to whatever it has started. Nothing where it has ended. */
  kill(signal: NodeJS.Signals, all = false): void {
    if (this.end || !this.pid) return;
    try {
      process.kill(all ? -this.pid : this.pid, signal);
    } catch {
      // Ended just now; its exit is on the way.
    }
  }

  /** Whether the kernel says that it is stopped (SIGSTOP, a debugger). */
  get stopped(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
      return /^[Tt]$/.test(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '');
    } catch {
      return false;
    }
  }

  #goes(): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      this.#child.once('exit', () => {
        timer = setTimeout(() => {
          for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.destroy();
        }, outputMilliseconds);
      });
      this.#child.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #take(message: RankMessage): void {
    this.heard = Date.now();
    switch (message.type) {
      case 'beat':
        this.place = { step: message.step, phase: message.phase };
        break;
      case 'port':
        this.emit('port', message.port);
        break;
      case 'begun':
        this.emit('begun');
        break;
      case 'failed':
        this.place = { step: message.step, phase: message.phase };
        this.failure ??= message;
        this.emit('changed');
    }
  }

  #ended(status: number | null, signal: NodeJS.Signals | null): void {
    this.end ??= { status, signal, time: Date.now() };
    this.emit('changed');
  }
}
