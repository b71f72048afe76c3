/** The numbers of a paper beside those of evaluations that were run: which were reproduced, with what difference, which not and why. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { protocols } from '../config/protocols.js';
import { GadoliniumError } from '../errors.js';
import type { EvaluationReport } from './evaluate.js';
import { differences } from './protocol-facts.js';
import { figureOf, type PublishedFigure, publishedTables } from './published.js';

/** A paper whose numbers are looked for: every published figure of these methods. */
export interface Paper {
  title: string;
  methods: readonly string[];
  /** Beginning of the names of its protocols. */
  protocols: string;
}

export const PAPERS: Readonly<Record<string, Paper>> = {
  biovil: {
    title: 'BioViL (Boecking et al. 2022)',
    methods: ['BioViL', 'BioViL-L', 'CXR-BERT-general', 'CXR-BERT-specialized'],
    protocols: 'biovil-',
  },
  'biovil-t': {
    title: 'BioViL-T (Bannur et al. 2023)',
    methods: ['BioViL-T', 'BioViL-T, nearest neighbour', 'BioViL-T, auto-regressive'],
    protocols: 'biovil-',
  },
  medklip: { title: 'MedKLIP (Wu et al. 2023)', methods: ['MedKLIP'], protocols: 'medklip-' },
};

/** A result with what the reproduction reads of it. */
export type Result = EvaluationReport;

export interface Reproduced {
  task: string;
  figure: PublishedFigure;
  /**
   * re-run: a result of the same protocol; another-protocol: results of the task, but of none that may be compared; not-run: no result;
   * impossible: the task does not exist here.
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
      .filter(({ method }) => paper.methods.includes(method))
      .map((one): Reproduced => {
        const figure = figureOf(table, one);
        if (one.unavailable !== undefined)
          return { task: one.task, figure, state: 'impossible', reasons: [one.unavailable] };
        // A protocol run on other data than it is for is told, too.
        const own = results.filter(
          (result) =>
            result.task === one.task &&
            (result.protocol['dataset'] === table.dataset || protocols[result.name]?.dataset === table.dataset),
        );
        const compared = own.map((result) => ({ result, reasons: reasonsAgainst(result, figure) }));
        const best = compared.findLast(({ reasons }) => reasons.length === 0) ?? compared.at(-1);
        if (best === undefined)
          return { task: one.task, figure, state: 'not-run', reasons: [whatToRun(paper, one.task, table.dataset)] };
        return { task: one.task, figure, state: best.reasons.length === 0 ? 're-run' : 'another-protocol', ...best };
      }),
  );
  const used = new Set(figures.flatMap(({ result }) => (result ? [result] : [])));
  return { paper, figures, results: [...used] };
}

/** A reproduction is of one method, so the size of its pictures must be the same; between methods it need not. */
function reasonsAgainst(result: Result, { protocol, model, metrics }: PublishedFigure): string[] {
  const reasons = differences(result.protocol, protocol);
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
  model: z.looseObject({ resolution: z.number().optional(), weights: z.string().optional() }),
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
