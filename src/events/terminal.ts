import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { type Output, writable } from './output.js';
import type { DataFetch, Evaluation, EventListener, RunFinished, RunStarted, Step, TrainEvent } from './types.js';
import { bytes, change, count, duration, fetchText, figure, oneLine, rounded } from './wording.js';

export interface TerminalOptions {
  /** Standard output by default; `--json` keeps that for the events and gives standard error here. */
  stream?: Writable & { isTTY?: boolean; columns?: number };
  /** Redraw one line (default: where the stream is a terminal) or print lines. */
  live?: boolean;
  /** Default: on a terminal, unless NO_COLOR is set. */
  colour?: boolean;
  /** Without `live`: a line for the first and last step, and in between every so many seconds or, where given, steps. */
  seconds?: number;
  steps?: number;
}

type Style = Parameters<typeof styleText>[0];

/** What a person watches: one progress line that is redrawn, everything else printed above it; plain lines in a log file. */
export function terminal(options: TerminalOptions = {}): EventListener {
  const stream = options.stream ?? process.stdout;
  const live = options.live ?? (stream.isTTY === true && process.env['TERM'] !== 'dumb');
  const colour = options.colour ?? (live && !process.env['NO_COLOR']);
  return new Terminal(writable(stream), {
    live,
    width: () => stream.columns ?? 80,
    style: colour ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text,
    seconds: options.seconds ?? 10,
    steps: options.steps ?? Number.POSITIVE_INFINITY,
  });
}

interface Manner {
  live: boolean;
  width(): number;
  style(style: Style, text: string): string;
  seconds: number;
  steps: number;
}

const redrawMilliseconds = 100;

class Terminal implements EventListener {
  readonly name = 'terminal';
  #started: RunStarted | undefined;
  #shown: Step | undefined;
  #last: Step | undefined;
  #drawn = false;
  #fetchSaid = Number.NEGATIVE_INFINITY;
  readonly #pace = new Pace();
  /** Metrics of each task's evaluation before, to say what changed. */
  readonly #before = new Map<string, Record<string, number>>();

  constructor(
    readonly out: Output,
    readonly manner: Manner,
  ) {}

  on(event: TrainEvent): void | Promise<void> {
    switch (event.type) {
      case 'step':
        return this.#step(event);
      case 'run-started':
        this.#started = event;
        this.#pace.start(event);
        return this.#print(this.#opening(event));
      case 'evaluation':
        return this.#print([this.#evaluation(event)]);
      case 'checkpoint': {
        const text = `step ${count(event.step)}  checkpoint ${oneLine(event.path)}  ${bytes(event.bytes)} in ${duration(event.milliseconds / 1000)}`;
        return this.#print([this.manner.style('dim', text)]);
      }
      case 'warning': {
        const at = event.step === undefined ? '' : `step ${count(event.step)}  `;
        return this.#print([
          `${at}${this.manner.style('yellow', 'warning')} ${oneLine(event.message)} [${oneLine(event.code)}]`,
        ]);
      }
      case 'rank-lost':
        return this.#print([
          `step ${count(event.step)}  ${this.manner.style('red', 'lost')} rank ${event.lost} on ${oneLine(event.host)} during ${oneLine(event.phase)}: ${oneLine(event.message)}`,
        ]);
      case 'data-fetch':
        return this.#fetch(event);
      case 'run-finished':
        return this.#end([...this.#lastStep(), ...this.#closing(event)]);
    }
  }

  close(): void | Promise<void> {
    if (!this.#drawn) return;
    this.#drawn = false;
    return this.out.write('\n');
  }

  #step(step: Step): void | Promise<void> {
    this.#last = step;
    this.#pace.note(step);
    const before = this.#shown;
    const waited = before === undefined ? Number.POSITIVE_INFINITY : step.time - before.time;
    if (this.manner.live) {
      if (waited < redrawMilliseconds && step.step !== this.#started?.steps) return;
      this.#shown = step;
      this.#drawn = true;
      return this.out.write(`\r${this.#progress(step)}\x1b[K`);
    }
    const due = waited >= this.manner.seconds * 1000 || step.step - before!.step >= this.manner.steps;
    if (!due) return;
    this.#shown = step;
    return this.out.write(`${this.#parts(step).join('  ')}\n`);
  }

  /** Drawn anew on a terminal; elsewhere the first, the last, and one every so many seconds. */
  #fetch(event: DataFetch): void | Promise<void> {
    const { wanted, here } = event.shards;
    const text = `fetch     ${oneLine(fetchText(event))}`;
    if (this.manner.live) {
      this.#drawn = here < wanted;
      return this.out.write(`\r${text.slice(0, this.manner.width() - 1)}\x1b[K${here < wanted ? '' : '\n'}`);
    }
    const due = event.time - this.#fetchSaid >= this.manner.seconds * 1000 || here === wanted;
    if (!due) return;
    this.#fetchSaid = event.time;
    return this.out.write(`${text}\n`);
  }

  /** Lines above the progress line, which is drawn again below them. */
  #print(lines: string[]): void | Promise<void> {
    const text = lines.map((line) => `${line}\n`).join('');
    if (!this.#drawn) return this.out.write(text);
    if (this.#last === undefined) return this.out.write(`\r\x1b[K${text}`);
    return this.out.write(`\r\x1b[K${text}${this.#progress(this.#last)}\x1b[K`);
  }

  /** The live line becomes an ordinary one. */
  #end(lines: string[]): void | Promise<void> {
    const clear = this.#drawn ? '\r\x1b[K' : '';
    this.#drawn = false;
    this.#last = undefined;
    return this.out.write(clear + lines.map((line) => `${line}\n`).join(''));
  }

  /** The step the run ended with; in plain lines only where the cadence had passed it over. */
  #lastStep(): string[] {
    const last = this.#last;
    if (last === undefined) return [];
    if (this.manner.live) return [this.#progress(last)];
    return last === this.#shown ? [] : [this.#parts(last).join('  ')];
  }

  #opening(run: RunStarted): string[] {
    const title = (text: string) => this.manner.style('dim', text.padEnd(10));
    const towers = Object.entries(run.parameters.byTower)
      .map(([tower, n]) => `${tower} ${rounded(n)}`)
      .join(', ');
    const { style } = this.manner;
    return [
      `${title('recipe')}${style('bold', oneLine(run.recipe))}, ${count(run.steps)} steps${run.from > 0 ? ` from step ${count(run.from)}` : ''}`,
      ...(run.initial ?? []).map(
        ({ part, file, hash, source }) =>
          `${title('start')}${oneLine(`${part} from ${file}${source ? ` (${source})` : ''}, hash ${hash}`)}`,
      ),
      ...(run.resumed === undefined ? [] : [`${title('resumed')}${oneLine(run.resumed)}`]),
      `${title('run')}${oneLine(run.run)}`,
      `${title('data')}${oneLine(run.data.name)}: ${count(run.data.training)} of ${count(run.data.rows)} rows for training`,
      `${title('model')}${rounded(run.parameters.total)} parameters, ${rounded(run.parameters.trainable)} trainable${towers ? ` (${towers})` : ''}`,
      `${title('batch')}${count(run.batch)}${run.accumulate > 1 ? ` in ${run.accumulate} chunks` : ''}; negatives: ${oneLine(run.negatives)}`,
      `${title('machine')}${oneLine(run.device)}, ${run.precision}, ${run.threads} threads${run.world > 1 ? `, ${run.world} processes` : ''}`,
    ];
  }

  #evaluation(event: Evaluation): string {
    const before = this.#before.get(event.name) ?? {};
    this.#before.set(event.name, event.metrics);
    const { style } = this.manner;
    const metrics = Object.entries(event.metrics).map(([name, value]) => {
      const was = before[name];
      const moved = was === undefined ? '' : style('dim', ` (${change(value - was)})`);
      return `${oneLine(name)} ${style('bold', figure(value))}${moved}`;
    });
    const cost = style('dim', `${count(event.samples)} samples in ${duration(event.milliseconds / 1000)}`);
    return `step ${count(event.step)}  ${style('cyan', oneLine(event.name))}  ${metrics.join('  ')}  ${cost}`;
  }

  #closing(event: RunFinished): string[] {
    const { style } = this.manner;
    const word = {
      done: style('green', 'done'),
      stopped: style('yellow', 'stopped'),
      failed: style('red', 'failed'),
    }[event.reason];
    const left = [
      event.skipped > 0 ? `${count(event.skipped)} steps skipped (loss or gradient not finite)` : '',
      event.rejected > 0 ? `${count(event.rejected)} samples rejected` : '',
    ].filter((text) => text !== '');
    const lines = [
      `${word} at step ${count(event.step)} after ${duration(event.seconds)}${left.length > 0 ? `; ${left.join(', ')}` : ''}`,
    ];
    if (event.error !== undefined) {
      lines.push(`${oneLine(event.error.message)} [${oneLine(event.error.code)}]`);
      if (event.error.advice !== undefined) lines.push(oneLine(event.error.advice));
    }
    return lines;
  }

  #parts(step: Step): string[] {
    const total = this.#started?.steps;
    const wait = step.milliseconds.total > 0 ? (100 * step.milliseconds.wait) / step.milliseconds.total : 0;
    const left = total === undefined ? undefined : this.#pace.left(total - step.step);
    return [
      `step ${count(step.step)}${total === undefined ? '' : `/${count(total)}`}`,
      `loss ${figure(step.loss)}`,
      ...(step.skipped > 0 ? [`${count(step.skipped)} skipped`] : []),
      `${figure(step.samplesPerSecond)} samples/s`,
      ...(left === undefined ? [] : [`${duration(left)} left`]),
      `wait ${wait.toFixed(0)} %`,
      ...(step.mfu === undefined ? [] : [`MFU ${(100 * step.mfu).toFixed(0)} %`]),
      bytes(step.memory.now),
    ];
  }

  /** Bar and as many parts as the width takes; measured before styling, since styles have no width. */
  #progress(step: Step): string {
    const room = this.manner.width() - 1;
    const parts = this.#parts(step);
    const bar = room > 50 ? 12 : 0;
    while (parts.length > 2 && parts.join('  ').length > room - bar) parts.pop();
    const text = parts.join('  ').slice(0, room);
    const total = this.#started?.steps;
    const size = Math.min(24, room - text.length - 2);
    if (total === undefined || size < 6) return text;
    const full = Math.max(0, Math.min(size, Math.round((size * step.step) / total)));
    const { style } = this.manner;
    return `${style('green', '━'.repeat(full))}${style('dim', '─'.repeat(size - full))}  ${text}`;
  }
}

/** Seconds per step as an exponential mean over the time between step events, evaluation and checkpoints included. */
class Pace {
  #step = 0;
  #time = 0;
  #mean: number | undefined;

  start(event: RunStarted): void {
    this.#step = event.from;
    this.#time = event.time;
    this.#mean = undefined;
  }

  note(step: Step): void {
    const steps = step.step - this.#step;
    // Clocks can be set back; such an interval says nothing.
    if (steps <= 0 || step.time <= this.#time || (this.#mean !== undefined && step.time - this.#time < 500)) return;
    const now = (step.time - this.#time) / 1000 / steps;
    const keep = 0.98 ** steps;
    // The first interval holds the warm-up; it counts like any other until there are more.
    this.#mean = this.#mean === undefined ? now : keep * this.#mean + (1 - keep) * now;
    this.#step = step.step;
    this.#time = step.time;
  }

  left(steps: number): number | undefined {
    return this.#mean === undefined ? undefined : this.#mean * Math.max(0, steps);
  }
}
