import { count, duration, figure, oneLine } from '../events/wording.js';
import type { EvaluationReport } from './evaluate.js';
import type { PublishedFigure } from './published.js';

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
  if (published.length > 0) text.push(besidePublished(name, metrics, published));
  for (const note of notes) text.push(`note: ${oneLine(note)}`);
  return `${text.join('\n\n')}\n`;
}

/** Published figures under our own, in the metrics that they report, with their sources. */
function besidePublished(name: string, ours: Record<string, number>, published: PublishedFigure[]): string {
  const metrics = [...new Set(published.flatMap((one) => Object.keys(one.metrics)))];
  const cell = (value: number | undefined) => (value === undefined ? '–' : figure(value));
  const rows = [
    ['published', ...metrics, 'source'],
    [name, ...metrics.map((metric) => cell(ours[metric])), 'this model'],
    ...published.map((one) => [
      one.method,
      ...metrics.map((metric) => cell(one.metrics[metric])),
      `${one.source} [${one.standing}]`,
    ]),
  ];
  const notes = [...new Set(published.map((one) => one.note))];
  return [grid(rows), ...notes.map((note) => `published: ${note}`)].join('\n');
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
