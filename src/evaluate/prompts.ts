import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { GadoliniumError } from '../errors.js';
import { PACKAGE_ROOT } from '../package.js';

/**
 * Texts that stand for classes. softmax: the classes exclude each other; pairs: each finding has texts for its presence
 * (`texts`) and its absence (`negative`). Several texts form an ensemble. Data folders carry such sets in dataset.json.
 */
export interface PromptSet {
  name: string;
  /** The label vocabulary that it names. */
  vocab: string;
  kind: 'softmax' | 'pairs';
  classes: { label: string; texts: string[]; negative?: string[] | undefined }[];
}

const text = z.string().regex(/\S/, 'a text with at least one letter');
const texts = z.union([text, z.array(text).min(1)]).transform((value) => (typeof value === 'string' ? [value] : value));
const template = text.regex(/\{class\}/, "a template that contains '{class}'");
const templates = z
  .union([template, z.array(template).min(1)])
  .transform((value) => (typeof value === 'string' ? [value] : value));

/** `{ "labels": …, "classes": { "HEAD": ["an image of the head", …] }, "templates"?: ["an image of the {class}"] }` */
const classesFile = z.strictObject({
  labels: text,
  /** Each is filled with each of a class's words. Without templates the words are the prompts. */
  templates: templates.optional(),
  classes: z.record(z.string(), texts),
});

/** `{ "labels": …, "findings": { "Edema": { "positive": ["edema"], "negative": ["no edema"] } } }`, or words and templates. */
const findingsFile = z.strictObject({
  labels: text,
  templates: z.strictObject({ positive: templates, negative: templates }).optional(),
  findings: z.record(z.string(), z.union([z.strictObject({ positive: texts, negative: texts }), texts])),
});

/** Prompts of published protocols. They are data, so they are not copied when TypeScript is compiled. */
const PROMPTS = join(PACKAGE_ROOT, 'src/evaluate/prompts');

/** A prompt set by name from those of the data folder, then from those of published protocols; or from a JSON file. */
export function findPrompts(
  reference: string | undefined,
  labels: string | undefined,
  shipped: readonly PromptSet[],
): PromptSet {
  if (reference === undefined) {
    const fitting = shipped.filter((set) => labels === undefined || set.vocab === labels);
    if (fitting.length === 1) return fitting[0]!;
    throw GadoliniumError.expected(
      'no-prompts',
      'one prompt set',
      labels === undefined ? 'zero-shot' : `zero-shot on labels '${labels}'`,
      fitting.length === 0 ? 'none in the data folder' : fitting.map((set) => set.name).join(', '),
      'name one with --prompts: a set of the data folder, or a JSON file',
    );
  }
  const named = shipped.find((set) => set.name === reference);
  if (named) return named;
  const own = join(PROMPTS, `${reference}.json`);
  if (/^[\w-]+$/.test(reference) && existsSync(own))
    return { ...parsePrompts(readFileSync(own, 'utf8'), own), name: reference };
  if (!existsSync(reference)) {
    throw GadoliniumError.expected(
      'no-prompts',
      `a prompt set of the data folder (${shipped.map((set) => set.name).join(', ') || 'it has none'}) or a JSON file`,
      'prompts',
      reference,
    );
  }
  return parsePrompts(readFileSync(reference, 'utf8'), reference);
}

/** Prompts from the text of a JSON file; errors name the file and the place in it. */
export function parsePrompts(json: string, file: string): PromptSet {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new GadoliniumError('bad-prompts', `expected JSON for ${file} but got: ${(error as Error).message}`);
  }
  const object = typeof value === 'object' && value !== null ? value : {};
  const set = 'findings' in object ? fromFindings(value, file) : fromClasses(value, file);
  if (set.classes.length < (set.kind === 'softmax' ? 2 : 1)) {
    throw GadoliniumError.expected(
      'bad-prompts',
      set.kind === 'softmax' ? 'at least two classes' : 'at least one finding',
      file,
      set.classes.length,
    );
  }
  return set;
}

function fromClasses(value: unknown, file: string): PromptSet {
  const { labels, templates: patterns, classes } = checked(classesFile, value, file);
  return {
    name: file,
    vocab: labels,
    kind: 'softmax',
    classes: Object.entries(classes).map(([label, words]) => ({ label, texts: filled(patterns, words) })),
  };
}

function fromFindings(value: unknown, file: string): PromptSet {
  const { labels, templates: patterns, findings } = checked(findingsFile, value, file);
  return {
    name: file,
    vocab: labels,
    kind: 'pairs',
    classes: Object.entries(findings).map(([label, given]) => {
      if (!Array.isArray(given)) {
        return {
          label,
          texts: filled(patterns?.positive, given.positive),
          negative: filled(patterns?.negative, given.negative),
        };
      }
      if (!patterns) {
        throw GadoliniumError.expected(
          'bad-prompts',
          "{ positive, negative }, or 'templates' with both beside",
          `findings.${label} in ${file}`,
          given,
        );
      }
      return {
        label,
        texts: filled(patterns.positive, given),
        negative: filled(patterns.negative, given),
      };
    }),
  };
}

function filled(patterns: string[] | undefined, words: string[]): string[] {
  if (!patterns) return words;
  // A function as replacement: '$' in a word is then only a letter.
  return patterns.flatMap((pattern) => words.map((word) => pattern.replaceAll('{class}', () => word)));
}

function checked<S extends z.ZodType>(schema: S, value: unknown, file: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new GadoliniumError(
    'bad-prompts',
    `expected prompts for ${file} but got, at '${issue.path.join('.') || 'top'}': ${issue.message}`,
    {
      advice:
        'a file holds { labels, classes: { NAME: [texts] } } or { labels, findings: { NAME: { positive: [texts], negative: [texts] } } }',
    },
  );
}
