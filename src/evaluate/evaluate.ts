import type { z } from 'zod';
import {
  type EvaluationEntry,
  type EvaluationInput,
  evaluationSchema,
  type FineTuneEntry,
  fineTuneSchema,
} from '../config/evaluate.js';
import { override } from '../config/override.js';
import { protocols } from '../config/protocols.js';
import { GadoliniumError } from '../errors.js';
import type { Evaluation } from '../events/types.js';
import type { Model } from './model.js';
import { type ModelFacts, type ProtocolFacts, protocolFacts, resolutionOf } from './published/protocol-facts.js';
import { type ComparedFigure, publishedFor } from './published/published.js';
import { openRows } from './rows.js';
import type { TaskContext } from './task.js';
import { type Evaluated, runTask } from './tasks.js';

/** What the caller wants otherwise than the recipe's entry says. */
export interface EvaluationOverrides {
  labels?: string | undefined;
  prompts?: string | undefined;
  split?: string | undefined;
  bootstrap?: number | undefined;
  gallery?: number | undefined;
  /** Further settings of the entry as PATH=VALUE: `features.samples=image.global`. */
  set?: readonly string[] | undefined;
}

/** An evaluation event with what a reader of its numbers must know. */
export type EvaluationReport = Evaluation & {
  task: string;
  notes: string[];
  /** What the numbers may be compared by. */
  protocol: ProtocolFacts;
  model: ModelFacts;
  published: ComparedFigure[];
};

/** The part of a resolved configuration that evaluation reads. */
interface Configured {
  recipe?: string;
  evaluate?: EvaluationInput[];
  data?: Record<string, { input: string; options?: Record<string, unknown> }>;
}

/**
 * Runs a task of a model on a data folder: a published protocol by its name; else every entry of the recipe with that task (or of that
 * name, or all), or one made of the overrides where the recipe has none. `step` and `weights` say of which weights the numbers are. Throws a GadoliniumError where model or data lack what is asked.
 */
export async function* evaluate(
  model: Model,
  data: string,
  task: string,
  overrides: EvaluationOverrides = {},
  { step = 0, weights }: { step?: number | undefined; weights?: string | undefined } = {},
): AsyncGenerator<EvaluationReport> {
  const config = model.config as Configured;
  const entries = entriesFor(task, config.evaluate ?? [], overrides);
  const rows = openRows(data);
  try {
    const context: TaskContext = {
      embedder: model,
      rows,
      data,
      logitScale: model.logitScale,
      textKinds: textKindsOf(config),
      inputs: config.data,
    };
    for (const entry of entries) {
      const result = await runTask(entry, context);
      const protocol = protocolFacts(entry, context, result.samples);
      yield {
        ...asEvent(result, step),
        task: entry.task,
        notes: result.notes,
        protocol,
        model: { resolution: resolutionOf(context), weights, recipe: config.recipe },
        published: publishedFor(entry.task, labelsOf(entry, context), protocol, protocols[task]?.dataset),
      };
    }
  } finally {
    rows.close();
  }
}

/** The event that a run sends for a result. */
export function asEvent({ notes: _, ...result }: Evaluated, step: number, rank = 0): Evaluation {
  return { type: 'evaluation', time: Date.now(), rank, step, ...result };
}

/** Entries to run, with defaults and overrides filled in. */
export function entriesFor(
  task: string,
  configured: readonly EvaluationInput[],
  overrides: EvaluationOverrides,
): EvaluationEntry[] {
  const { set = [], ...named } = overrides;
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
  const made = (entry: object) => checked(evaluationSchema, { ...entry, ...given }, task, set);
  const protocol = protocols[task];
  if (protocol) return [made(protocol.entry)];
  const wanted = configured.filter(
    (entry) =>
      (task === 'all' || entry.task === task || entry.name === task) &&
      // Other labels than the entry's are another evaluation: its prompts and name would not fit.
      (overrides.labels === undefined ||
        !('labels' in entry) ||
        entry.labels === undefined ||
        entry.labels === overrides.labels),
  );
  if (wanted.length > 0) return wanted.map(made);
  if (task === 'all' && configured.length === 0) {
    throw GadoliniumError.expected(
      'no-task',
      'a recipe with evaluations',
      "task 'all'",
      'one without',
      `name a task: ${TASK_NAMES.join(', ')}`,
    );
  }
  if (!TASK_NAMES.includes(task)) {
    throw GadoliniumError.expected(
      'no-task',
      `all, one of ${TASK_NAMES.join(', ')}, a published protocol (${Object.keys(protocols).join(', ')}), or an evaluation of the recipe (${configured.map((entry) => entry.name).join(', ') || 'it has none'})`,
      'the task',
      task,
    );
  }
  const of = overrides.labels ?? overrides.prompts;
  return [made({ task, name: of ? `${task} ${of}` : task })];
}

/** Every task that can be named. */
export const TASK_NAMES: readonly string[] = evaluationSchema.options.map((schema) => schema.shape.task.value);

/** The entry of a fine-tuning, which is run by src/train: it makes models of its own. */
export function fineTuneEntry({ set = [], labels, split, bootstrap, ...others }: EvaluationOverrides): FineTuneEntry {
  const given = Object.entries({ labels, split, bootstrap, ...others }).filter(([, value]) => value !== undefined);
  const entry = { task: FINE_TUNE, name: `${FINE_TUNE} ${labels ?? ''}`.trim(), ...Object.fromEntries(given) };
  return checked(fineTuneSchema, entry, FINE_TUNE, set);
}

export const FINE_TUNE = 'fine-tune';

function checked<Entry>(schema: z.ZodType<Entry>, entry: unknown, task: string, set: readonly string[]): Entry {
  // Settings lead into the entry's defaults, too; without what is required there are none yet.
  const whole = schema.safeParse(entry);
  const parsed = schema.safeParse(override(whole.success ? whole.data : entry, set));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.length > 0 ? `'${issue.path.join('.')}' of ${task}` : task;
  throw new GadoliniumError('bad-evaluation', `expected a valid value for ${where} but got: ${issue.message}`, {
    advice: 'labels are asked of linear-probe, prompts of zero-shot, a gallery of retrieval',
  });
}

function labelsOf(entry: EvaluationEntry, { rows }: TaskContext): string | undefined {
  if (entry.task === 'retrieval') return entry.classes;
  if (entry.task === 'zero-shot' && entry.labels === undefined) {
    const named = rows.promptSets.filter((set) => entry.prompts === undefined || set.name === entry.prompts);
    return named.length === 1 ? named[0]!.vocab : undefined;
  }
  return 'labels' in entry && typeof entry.labels === 'string' ? entry.labels : undefined;
}

/** Kinds of text that the configuration's text input takes, where it says so. */
export function textKindsOf({ data = {} }: Configured): string[] | undefined {
  const input = Object.values(data).find((one) => one.input === 'text');
  const kinds = input?.options?.['kinds'];
  return Array.isArray(kinds) && kinds.length > 0 ? kinds.map(String) : undefined;
}
