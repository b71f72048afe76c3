import { count, duration, figure, oneLine } from '../events/wording.js';
import type { EvaluationReport } from './evaluate.js';
import type { ComparedFigure } from './published/published.js';

/** A result as people read it in a terminal: numbers, table, published figures, notes. */
export function resultText(report: EvaluationReport): string {
  const { name, metrics, samples, milliseconds, table, published, notes } = report;
  const lines = [`${name}: ${count(samples)} samples, ${duration(milliseconds / 1000)}`, ''];
  for (const metric of Object.keys(metrics)) {
    if (/\.(low|high)$/.test(metric)) continue;
    const [low, high] = [metrics[`${metric}.low`], metrics[`${metric}.high`]];
    const interval = low === undefined || high === undefined ? '' : `  [${figure(low)}, ${figure(high)}]`;
    lines.push([metric, `${figure(metrics[metric]!)}${interval}`].join('\t'));
  }
  const text = [aligned(lines)];
  if (table) text.push(grid([table.columns, ...table.rows.map((row) => row.map(shown))]));
  if (published.length > 0) text.push(besidePublished(report));
  for (const note of notes) text.push(`note: ${oneLine(note)}`);
  return `${text.join('\n\n')}\n`;
}

/** Published figures under our own, in the metrics that they report, with their sources; those of other protocols only with why not. */
function besidePublished(report: EvaluationReport): string {
  const { name, metrics: ours, model, published } = report;
  const alike = published.filter((one) => one.differs.length === 0);
  const parts: string[] = [];
  if (alike.length > 0) {
    const metrics = [...new Set(alike.flatMap((one) => Object.keys(one.metrics)))];
    const cell = (value: number | undefined) => (value === undefined ? '–' : figure(value));
    const pixels = (one: { resolution?: number | undefined }) => one.resolution ?? '–';
    parts.push(
      grid(
        [
          ['published', ...metrics, 'pixels', 'weights', 'source'],
          [name, ...metrics.map((metric) => cell(ours[metric])), pixels(model), model.weights ?? '–', 'this model'],
          ...alike.map((one) => [
            one.method,
            ...metrics.map((metric) => cell(one.metrics[metric])),
            pixels(one.model),
            one.model.weights ?? '–',
            `${one.source} [${one.standing}]`,
          ]),
        ].map((row) => row.map(String)),
      ),
    );
    parts.push(...[...new Set(alike.map((one) => one.note))].map((note) => `published: ${note}`));
    if (alike.some((one) => one.standing === 'memory'))
      parts.push('published: [memory] is remembered from the paper and was not read again: a target to confirm');
  }
  return [...parts, ...refusals(published.filter((one) => one.differs.length > 0))].join('\n');
}

/** One sentence for all figures that may not be compared for the same reasons. */
function refusals(figures: readonly ComparedFigure[]): string[] {
  // Reasons → source → methods.
  const by = new Map<string, Map<string, Set<string>>>();
  for (const { method, source, differs } of figures) {
    const why = differs.join('; ');
    const sources = by.get(why) ?? new Map<string, Set<string>>();
    by.set(why, sources.set(source, (sources.get(source) ?? new Set()).add(method)));
  }
  return [...by].map(([why, sources]) => {
    const who = [...sources].map(([source, methods]) => `${[...methods].join(', ')} (${source})`);
    return `not compared with ${who.join('; ')}: another protocol. ${why}`;
  });
}

function shown(value: string | number): string {
  return typeof value === 'number' ? figure(value) : oneLine(value);
}

/** Columns by the widest cell: words to the left, numbers to the right. */
function grid(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => (row[c] ?? '').length)));
  const numeric = widths.map((_, c) => rows.length > 1 && rows.slice(1).every((row) => /^[-−–\d]/.test(row[c] ?? '')));
  return rows
    .map((row) =>
      row
        .map((cell, c) => (numeric[c] ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function aligned(lines: readonly string[]): string {
  const width = Math.max(...lines.map((line) => (line.includes('\t') ? line.indexOf('\t') : 0)));
  return lines
    .map((line) => {
      const [metric, value] = line.split('\t');
      return value === undefined ? line : `  ${metric!.padEnd(width)}  ${value}`;
    })
    .join('\n');
}
