import { createReadStream, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { GadoliniumError } from '../errors.js';
import { eventsFile } from '../events/jsonl.js';
import type {
  CheckpointWritten,
  Evaluation,
  RankLost,
  RunFinished,
  RunStarted,
  Step,
  TrainEvent,
  Warning,
} from '../events/types.js';

/** A run as it is known afterwards: what a resumed session did again counts once, by its last telling. */
export interface History {
  /** The run folder as it was given, and its name. */
  run: string;
  name: string;
  sessions: Session[];
  steps: StepColumns;
  evaluations: Evaluation[];
  checkpoints: CheckpointWritten[];
  warnings: Warning[];
  lost: RankLost[];
  /** Absent where the last session was killed or still runs. */
  finished: RunFinished | undefined;
  /** `config.json` of the run folder. */
  config: unknown;
  /** Lines that could not be read as an event. */
  unreadable: number;
  lastTime: number;
}

export interface Session {
  started: RunStarted;
  /** Last step and time that this session told of. */
  lastStep: number;
  lastTime: number;
  /** Steps of this session that the next one did again. */
  repeated: number;
}

/** A column beyond this many steps would not fit into memory; such a number in a file is damage. */
const mostSteps = 2 ** 24;

/** Every number of the step events, one column a name, indexed by step. NaN where there is none. */
export class StepColumns {
  /** Last step that counts, 0 before there is one. */
  last = 0;
  get first(): number {
    return this.#first === Number.POSITIVE_INFINITY ? 0 : this.#first;
  }
  readonly #columns = new Map<string, Float32Array>();
  readonly #paths = new Map<string, Map<string, string>>();
  #first = Number.POSITIVE_INFINITY;
  #capacity = 4096;

  add(step: Step): void {
    const at = step.step;
    this.#first = Math.min(this.#first, at);
    this.last = Math.max(this.last, at);
    this.#set('loss', at, step.loss);
    this.#setAll('losses.', at, step.losses);
    this.#setAll('measures.', at, step.measures);
    this.#setAll('learningRates.', at, step.learningRates);
    this.#set('logitScale', at, step.logitScale);
    this.#set('gradientNorm', at, step.gradientNorm);
    this.#setAll('gradientNorms.', at, step.gradientNorms);
    this.#set('samplesPerSecond', at, step.samplesPerSecond);
    this.#setAll('milliseconds.', at, step.milliseconds);
    this.#set('mfu', at, step.mfu);
    this.#set('memory.now', at, step.memory?.now);
    this.#set('memory.peak', at, step.memory?.peak);
    this.#set('ready', at, step.ready);
    this.#set('skipped', at, step.skipped);
  }

  /** What was told of later steps no longer counts. */
  cut(step: number): void {
    for (const column of this.#columns.values()) column.fill(Number.NaN, step + 1);
    this.last = Math.min(this.last, step);
    if (this.#first > this.last) this.#first = Number.POSITIVE_INFINITY;
  }

  column(name: string): Float32Array | undefined {
    return this.#columns.get(name);
  }

  /** The parts after `prefix`, in the order in which they were first seen. */
  names(prefix: string): string[] {
    return [...this.#columns.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  }

  /** The last finite value. */
  latest(name: string): number | undefined {
    const column = this.#columns.get(name);
    if (column === undefined) return undefined;
    for (let step = this.last; step >= 0; step--) if (Number.isFinite(column[step])) return column[step];
    return undefined;
  }

  /** The middle value over all steps. */
  median(name: string): number | undefined {
    const values = this.#columns.get(name)?.filter((value) => Number.isFinite(value));
    if (values === undefined || values.length === 0) return undefined;
    return values.sort()[Math.floor(values.length / 2)];
  }

  #setAll(prefix: string, at: number, values: Record<string, number> | undefined): void {
    const paths = this.#paths.get(prefix) ?? new Map<string, string>();
    this.#paths.set(prefix, paths);
    for (const name in values) {
      // Joined once: a path that is made anew a million times has to be hashed anew a million times.
      const path = paths.get(name) ?? prefix + name;
      paths.set(name, path);
      this.#set(path, at, values[name]);
    }
  }

  #set(name: string, at: number, value: number | null | undefined): void {
    if (value === undefined || value === null) return;
    let column = this.#columns.get(name);
    if (column === undefined || at >= column.length) {
      while (at >= this.#capacity) this.#capacity *= 2;
      const wider = new Float32Array(this.#capacity).fill(Number.NaN);
      if (column !== undefined) wider.set(column);
      column = wider;
      this.#columns.set(name, column);
    }
    column[at] = value;
  }
}

/** Reads `events.jsonl` and `config.json` of a run folder, in one pass, whatever its length. */
export async function readHistory(run: string): Promise<History> {
  const file = path.join(run, eventsFile);
  if (!existsSync(file)) {
    throw GadoliniumError.expected(
      'no-events',
      `a run folder with ${eventsFile} in it`,
      'a report',
      run,
      'Give the folder that was given to train as --run.',
    );
  }
  const history: History = {
    run,
    name: path.basename(path.resolve(run)),
    sessions: [],
    steps: new StepColumns(),
    evaluations: [],
    checkpoints: [],
    warnings: [],
    lost: [],
    finished: undefined,
    config: readConfig(path.join(run, 'config.json')),
    unreadable: 0,
    lastTime: 0,
  };
  for await (const line of lines(file)) {
    const event = parsed(line);
    if (event === undefined) history.unreadable++;
    else take(history, event);
  }
  return history;
}

function take(history: History, event: TrainEvent): void {
  const session = history.sessions.at(-1);
  history.lastTime = Math.max(history.lastTime, event.time);
  if (session !== undefined && event.type !== 'run-started') session.lastTime = Math.max(session.lastTime, event.time);
  switch (event.type) {
    case 'step':
      if (session !== undefined) session.lastStep = event.step;
      history.steps.add(event);
      return;
    case 'run-started':
      if (session !== undefined) session.repeated = Math.max(0, session.lastStep - event.from);
      history.sessions.push({ started: event, lastStep: event.from, lastTime: event.time, repeated: 0 });
      history.steps.cut(event.from);
      history.evaluations = history.evaluations.filter((evaluation) => evaluation.step <= event.from);
      history.checkpoints = history.checkpoints.filter((checkpoint) => checkpoint.step <= event.from);
      history.finished = undefined;
      return;
    case 'evaluation': {
      // The same task at the same step again: the last telling counts. Pictures of earlier steps are not shown, so not kept.
      const others = history.evaluations.filter(({ name, step }) => name !== event.name || step !== event.step);
      if (event.gallery !== undefined) for (const other of others) if (other.name === event.name) delete other.gallery;
      history.evaluations = [...others, event];
      return;
    }
    case 'checkpoint':
      history.checkpoints = [...history.checkpoints.filter(({ path }) => path !== event.path), event];
      return;
    case 'warning':
      history.warnings.push(event);
      return;
    case 'rank-lost':
      history.lost.push(event);
      return;
    case 'run-finished':
      history.finished = event;
      return;
    // Over before the run starts; nothing of it is shown.
    case 'data-fetch':
  }
}

function parsed(line: string): TrainEvent | undefined {
  let event: Partial<TrainEvent> & { step?: unknown };
  try {
    event = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof event !== 'object' || event === null || typeof event.time !== 'number') return undefined;
  const complete: Record<TrainEvent['type'], readonly string[]> = {
    'run-started': ['recipe', 'steps', 'from', 'data', 'parameters', 'versions'],
    'data-fetch': ['source', 'bytes'],
    step: ['step', 'losses', 'milliseconds', 'memory'],
    evaluation: ['step', 'name', 'metrics'],
    checkpoint: ['step', 'path', 'bytes'],
    warning: ['code', 'message'],
    'rank-lost': ['lost', 'step'],
    'run-finished': ['step', 'reason'],
  };
  const fields = event.type === undefined ? undefined : complete[event.type];
  if (fields === undefined || fields.some((field) => !(field in event))) return undefined;
  if (event.step !== undefined && event.step !== null) {
    if (!Number.isSafeInteger(event.step) || (event.step as number) < 0 || (event.step as number) > mostSteps)
      return undefined;
  }
  return event as TrainEvent;
}

function readConfig(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

async function* lines(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: 1 << 20 })) {
    const parts = (chunk as string).split('\n');
    parts[0] = rest + parts[0];
    rest = parts.pop()!;
    for (const part of parts) if (part !== '') yield part;
  }
  // A last line without its newline was cut by a kill; it counts if it is whole all the same.
  if (rest !== '') yield rest;
}
