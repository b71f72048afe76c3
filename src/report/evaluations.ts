import type { Evaluation, GalleryItem } from '../events/types.js';
import { count, duration, figure } from '../events/wording.js';
import { type Captions, type Cell, type Html, html, table } from './html.js';
import { evenly, lowerIsBetter, moved } from './page.js';

/** Rows of a table over steps before the rest goes behind a fold. */
const mostRows = 12;
/** Characters of pictures that one page holds. */
const mostPictures = 3_000_000;

/** The evaluations of each task, oldest first, in the order in which the tasks were first told of. */
export function byTask(evaluations: readonly Evaluation[]): Map<string, Evaluation[]> {
  const tasks = new Map<string, Evaluation[]>();
  for (const evaluation of evaluations) tasks.set(evaluation.name, [...(tasks.get(evaluation.name) ?? []), evaluation]);
  for (const told of tasks.values()) told.sort((a, b) => a.step - b.step);
  return tasks;
}

/** One table a task: steps down, metrics across, each with its change and the best of its column marked. */
export function evaluationTables(evaluations: readonly Evaluation[], captions: Captions): Html[] {
  return [...byTask(evaluations)].map(([task, told]) => {
    const metrics = [...new Set(told.flatMap((evaluation) => Object.keys(evaluation.metrics)))];
    const best = new Map(metrics.map((metric) => [metric, bestValue(told, metric)]));
    const rows = told.map((evaluation, i): Cell[] => [
      { value: count(evaluation.step), numeric: true },
      ...metrics.map((metric) => {
        const value = evaluation.metrics[metric] ?? undefined;
        return moved(
          value,
          told[i - 1]?.metrics[metric] ?? undefined,
          value !== undefined && value === best.get(metric),
        );
      }),
      { value: count(evaluation.samples), numeric: true },
      { value: duration(evaluation.milliseconds / 1000), numeric: true },
    ]);
    const columns = [
      { value: 'step', numeric: true },
      ...[...metrics, 'samples', 'time'].map((value) => ({ value, numeric: true })),
    ];
    const shown = evenly(rows.length, mostRows);
    const between = shown.length === 1 ? '' : ' Small: change to the evaluation before. Bold: best of the column.';
    const few = shown.map((i) => rows[i]!);
    if (few.length === rows.length) return table(captions.table(html`${task}.${between}`), columns, rows);
    const caption = captions.table(html`${task}, ${few.length} of ${rows.length} evaluations.${between}`);
    return html`${table(caption, columns, few)}<details><summary>All ${rows.length} evaluations of ${task}</summary>${table(html`<caption>${task}, all</caption>`, columns, rows)}</details>`;
  });
}

export function bestValue(told: readonly Evaluation[], metric: string): number | undefined {
  const values = told.map(({ metrics }) => metrics[metric]).filter((value): value is number => Number.isFinite(value));
  if (values.length < 2) return undefined;
  return lowerIsBetter(metric) ? Math.min(...values) : Math.max(...values);
}

/** The newest per-class or per-query table of each task. */
export function classTables(evaluations: readonly Evaluation[], captions: Captions): Html[] {
  return [...byTask(evaluations)].flatMap(([task, told]) => {
    const evaluation = told.findLast((one) => one.table !== undefined && one.table.rows.length > 0);
    if (evaluation?.table === undefined) return [];
    const { columns, rows } = evaluation.table;
    const numeric = columns.map((_, i) => rows.every((row) => typeof row[i] === 'number' || row[i] === null));
    const isShare = columns.map(
      (_, i) =>
        numeric[i] && rows.every((row) => row[i] === null || ((row[i] as number) >= 0 && (row[i] as number) <= 1)),
    );
    const cells = rows.map((row) =>
      row.map((value, i): Cell => {
        if (typeof value !== 'number') return value ?? '–';
        return isShare[i]
          ? { value: figure(value), numeric: true, share: value }
          : { value: figure(value), numeric: true };
      }),
    );
    const heads = columns.map((value, i) => ({ value, numeric: numeric[i] === true }));
    const all = table(captions.table(html`${task}, step ${count(evaluation.step)}.`), heads, cells.slice(0, 60));
    if (cells.length <= 60) return [all];
    return [html`${all}<p class="note">The first 60 of ${count(cells.length)} rows; all are in events.jsonl.</p>`];
  });
}

/** Held-out pictures with the texts that the model finds nearest and farthest, newest evaluation of each task. */
export function galleries(evaluations: readonly Evaluation[]): Html[] {
  let room = mostPictures;
  return [...byTask(evaluations)].flatMap(([task, told]) => {
    const evaluation = told.findLast((one) => one.gallery !== undefined && one.gallery.length > 0);
    if (evaluation?.gallery === undefined) return [];
    const cards: Html[] = [];
    let left = 0;
    for (const item of evaluation.gallery) {
      if (item.image.length > room) left++;
      else {
        room -= item.image.length;
        cards.push(card(item));
      }
    }
    const missing =
      left > 0
        ? html`<p class="note">${left} further pictures are left out to keep this file small; they are in events.jsonl.</p>`
        : '';
    return [html`<h3>${task}, step ${count(evaluation.step)}</h3><div class="gallery">${cards}</div>${missing}`];
  });
}

function card(item: GalleryItem): Html {
  // Anything but a picture inside the file would be a request, and the page's policy would refuse it.
  const inside = /^data:image\/(png|jpeg|webp|gif);base64,[A-Za-z0-9+/=]*$/.test(item.image);
  const picture = inside
    ? html`<img src="${item.image}" alt="Held-out image ${item.sample}: ${item.text}" decoding="async">`
    : html`<p class="note">no picture</p>`;
  const list = (title: string, texts: GalleryItem['best']) =>
    texts.length > 0
      ? html`<dt>${title}</dt><dd><ol>${texts.map(
          ({ text, score }) =>
            html`<li${text === item.text ? html` class="own"` : ''}><span>${text}${text === item.text ? html` <b>(its own)</b>` : ''}</span><span class="score">${score.toFixed(3)}</span></li>`,
        )}</ol></dd>`
      : '';
  return html`<article><div class="picture">${picture}</div><h4>${item.sample}</h4><p class="text">${item.text}</p><dl>${list('Best texts', item.best)}${list('Worst texts', item.worst)}</dl></article>`;
}
