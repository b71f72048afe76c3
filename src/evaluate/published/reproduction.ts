/** The numbers of a paper beside those of evaluations that were run: which were reproduced, with what difference, which not and why. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { protocols } from '../../config/protocols.js';
import { GadoliniumError } from '../../errors.js';
import type { EvaluationReport } from '../evaluate.js';
import { differences } from './protocol-facts.js';
import { figureOf, type PublishedFigure, publishedTables } from './published.js';

/** A paper whose numbers are looked for: every published figure of these methods. */
export interface Paper {
  title: string;
  /** With the recipes of ours that are each. */
  methods: Readonly<Record<string, readonly string[]>>;
  /** Beginning of the names of its protocols. */
  protocols: string;
}

export const PAPERS: Readonly<Record<string, Paper>> = {
  biovil: {
    title: 'BioViL (Boecking et al. 2022)',
    methods: {
      BioViL: ['biovil'],
      'BioViL-L': [],
      'CXR-BERT-general': ['cxr-bert-general'],
      // BioViL's text encoder is the specialized one.
      'CXR-BERT-specialized': ['cxr-bert-specialized', 'biovil'],
    },
    protocols: 'biovil-',
  },
  'biovil-t': {
    title: 'BioViL-T (Bannur et al. 2023)',
    methods: {
      'BioViL-T': ['biovil-t'],
      'BioViL-T, nearest neighbour': ['biovil-t'],
      'BioViL-T, auto-regressive': ['biovil-t'],
    },
    protocols: 'biovil-',
  },
  medklip: { title: 'MedKLIP (Wu et al. 2023)', methods: { MedKLIP: ['medklip'] }, protocols: 'medklip-' },
};

/** A result with what the reproduction reads of it. */
export type Result = EvaluationReport;

export interface Reproduced {
  task: string;
  figure: PublishedFigure;
  /**
   * re-run: a result of the same protocol; another-protocol: results of the task, but of none that may be compared; not-run: no result;
   * impossible: the task does not exist here, or its protocol is not known.
   */
  state: 're-run' | 'another-protocol' | 'not-run' | 'impossible';
  /** The result that it stands beside. */
  result?: Result;
  /** Why not, or what to run: sentences. */
  reasons: string[];
}

export interface Reproduction {
  paper: Paper;
  figures: Reproduced[];
  /** Results that some figure stands beside or was refused for. */
  results: Result[];
}

/** Of results for one figure the last that may be compared counts, else the last. */
export function reproductionOf(name: string, results: readonly Result[]): Reproduction {
  const paper = PAPERS[name];
  if (!paper)
    throw GadoliniumError.expected('no-paper', `one of ${Object.keys(PAPERS).join(', ')}`, '--reproduce', name);
  const figures = publishedTables().flatMap((table) =>
    table.figures
      .filter(({ method }) => method in paper.methods)
      .map((one): Reproduced => {
        const figure = figureOf(table, one);
        const impossible = one.unavailable ?? unknownProtocol(figure);
        if (impossible !== undefined) return { task: one.task, figure, state: 'impossible', reasons: [impossible] };
        // A protocol run on other data than it is for is told, too.
        const own = results.filter(
          (result) =>
            result.task === one.task &&
            (result.protocol['dataset'] === table.dataset || protocols[result.name]?.dataset === table.dataset),
        );
        const compared = own.map((result) => ({ result, reasons: reasonsAgainst(result, figure, paper) }));
        const best = compared.findLast(({ reasons }) => reasons.length === 0) ?? compared.at(-1);
        if (best === undefined)
          return { task: one.task, figure, state: 'not-run', reasons: [whatToRun(paper, one.task, table.dataset)] };
        return { task: one.task, figure, state: best.reasons.length === 0 ? 're-run' : 'another-protocol', ...best };
      }),
  );
  const used = new Set(figures.flatMap(({ result }) => (result ? [result] : [])));
  return { paper, figures, results: [...used] };
}

/** Why no result can ever stand beside a figure: the tables say 'not known' of what decides a number. */
function unknownProtocol({ protocol }: PublishedFigure): string | undefined {
  const unknown = Object.entries(protocol).filter(([, value]) => /not known/.test(String(value)));
  if (unknown.length === 0) return undefined;
  return `its protocol is not known (${unknown.map(([name, value]) => `${name}: ${value}`).join('; ')})`;
}

/** Names of recipes that are some method of a paper: a model of one of them is no other. */
const KNOWN = new Set(Object.values(PAPERS).flatMap(({ methods }) => Object.values(methods).flat()));

/** A reproduction is of one method, so model and size of pictures must be the same; between methods they need not. */
function reasonsAgainst(result: Result, figure: PublishedFigure, { methods }: Paper): string[] {
  const { protocol, model, metrics, method } = figure;
  const reasons = differences(result.protocol, protocol);
  const { recipe } = result.model;
  if (recipe !== undefined && KNOWN.has(recipe) && !methods[method]!.includes(recipe))
    reasons.push(`model: published ${method}, here of the recipe ${recipe}`);
  const [ours, theirs] = [result.model.resolution, model.resolution];
  if (ours !== undefined && theirs !== undefined && ours !== theirs)
    reasons.push(`resolution: published ${theirs} pixels, here ${ours}`);
  if (Object.keys(metrics).every((metric) => result.metrics[metric] === undefined))
    reasons.push(`none of its metrics (${Object.keys(metrics).join(', ')}) was measured`);
  return reasons;
}

function whatToRun({ protocols: prefix }: Paper, task: string, dataset: string): string {
  const fitting = Object.entries(protocols).filter(([, one]) => one.dataset === dataset && one.entry.task === task);
  const [name] = fitting.find(([own]) => own.startsWith(prefix)) ?? fitting[0] ?? [task];
  return `no result was given: gadolinium evaluate ${name} --checkpoint FILE --data FOLDER --json, with ${dataset} prepared in FOLDER`;
}

const resultSchema = z.looseObject({
  type: z.literal('evaluation'),
  task: z.string(),
  name: z.string(),
  samples: z.number(),
  metrics: z.record(z.string(), z.number()),
  notes: z.array(z.string()),
  protocol: z.record(z.string(), z.union([z.string(), z.number()])),
  model: z.looseObject({
    resolution: z.number().optional(),
    weights: z.string().optional(),
    recipe: z.string().optional(),
  }),
});

/** Results that `evaluate --json` wrote, one a line, of several files in their order. Throws naming file and line. */
export function readResults(files: readonly string[]): Result[] {
  return files.flatMap((file) => {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new GadoliniumError(
        'no-results',
        `expected a file of results for ${file} but got: ${(error as Error).message}`,
      );
    }
    return text.split('\n').flatMap((line, i): Result[] => {
      if (line.trim() === '') return [];
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        throw GadoliniumError.expected('bad-results', 'JSON', `${file}, line ${i + 1}`, line);
      }
      const parsed = resultSchema.safeParse(value);
      if (parsed.success) return [value as Result];
      const { path, message } = parsed.error.issues[0]!;
      throw new GadoliniumError(
        'bad-results',
        `expected a result of evaluate --json for ${file}, line ${i + 1} but got, at '${path.join('.') || 'top'}': ${message}`,
        { advice: 'collect them with: gadolinium evaluate … --json >> results.jsonl' },
      );
    });
  });
}
