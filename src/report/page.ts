import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { change, figure } from '../events/wording.js';
import type { Figure, Figures } from './figures.js';
import { type Captions, type Content, Html, html, table } from './html.js';

export interface Page {
  title: string;
  header: Html;
  sections: Section[];
  figures: Figures;
}

export interface Section {
  id: string;
  title: string;
  body: Content;
}

/**
 * One file that asks nobody for anything: styles, script, charts and pictures are inside, and a content security policy
 * forbids the browser every request.
 */
export function page({ title, header, sections, figures }: Page): string {
  const shown = sections.filter((section) => section.body !== undefined);
  const links = shown.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`);
  const bodies = shown.map(
    ({ id, title, body }) => html`
<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${body}
</section>`,
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Gadolinium">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>${title}</title>
<style>${assets().style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
<header>${header}<nav aria-label="Sections"><ul>${links}</ul></nav></header>
<main id="main">${bodies}
</main>
<script type="application/json" id="figures">${data(figures)}</script>
<script>${assets().script}</script>
</body>
</html>
`.text;
}

/** Chart with caption, its numbers as a table for those who do not see it, and what a reader hears in its place. */
export function figureBlock(chart: Figure, grid: readonly number[], captions: Captions): Html {
  const unit = chart.unit === '' ? '' : ` in ${chart.unit}`;
  const ends = chart.series.map(({ label, line }) => {
    const values = line.filter((value) => value !== null);
    if (values.length === 0) return `${label} has no finite value`;
    return `${label} from ${figure(values[0]!)} to ${figure(values.at(-1)!)}`;
  });
  const spoken = `${chart.title}${unit} over steps ${grid[0]} to ${grid.at(-1)}: ${ends.join('; ')}.`;
  const rows = evenly(grid.length, 12).map((i) => [grid[i], ...chart.series.map(({ line }) => number(line[i]))]);
  const numbers = table(
    html`<caption>${chart.title}${unit}</caption>`,
    ['step', ...chart.series.map(({ label }) => ({ value: label, numeric: true }))],
    rows,
  );
  return html`
<figure class="chart" id="figure-${chart.id}">
<div class="plot" data-figure="${chart.id}" role="img" tabindex="0" aria-label="${spoken} Arrow keys move along the steps."></div>
<div class="legend" data-legend="${chart.id}"></div>
${captions.figure(html`${chart.title}${unit === '' ? '' : html` <span class="unit">[${chart.unit}]</span>`}. ${chart.note}`)}
<details><summary>Numbers</summary>${numbers}</details>
</figure>`;
}

function number(value: number | null | undefined): { value: string; numeric: true } {
  return { value: value === null || value === undefined ? '–' : figure(value), numeric: true };
}

/** At most `most` places of 0 … size − 1, both ends among them. */
export function evenly(size: number, most: number): number[] {
  if (size <= most) return Array.from({ length: size }, (_, i) => i);
  return Array.from({ length: most }, (_, i) => Math.round((i * (size - 1)) / (most - 1)));
}

/** A metric and how it moved against another value of it. */
export function moved(
  value: number | undefined,
  before: number | undefined,
  best = false,
): { value: Content; numeric: true; className?: string } {
  if (value === undefined) return { value: '–', numeric: true };
  const delta = before === undefined ? '' : html` <small>${change(value - before)}</small>`;
  return { value: html`${figure(value)}${delta}`, numeric: true, ...(best ? { className: 'best' } : {}) };
}

/** Ranks, errors and distances get better downwards; everything else that evaluation reports, upwards. */
export function lowerIsBetter(metric: string): boolean {
  return /(^|[.\-@ ])(rank|ranks|loss|error|ece|mae|mse|brier|perplexity|distance)([.\-@ ]|$)/i.test(metric);
}

/** Characters that would end the script element, or the line in old parsers, are escaped; JSON allows it. */
function data(value: unknown): Html {
  return new Html(
    JSON.stringify(value).replace(/[<\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  );
}

let loaded: { style: Html; script: Html } | undefined;

function assets(): { style: Html; script: Html } {
  if (loaded === undefined) {
    const plot = path.dirname(createRequire(import.meta.url).resolve('uplot'));
    const here = path.join(packageFolder(), 'src', 'report');
    const read = (folder: string, name: string) => readFileSync(path.join(folder, name), 'utf8').trim();
    loaded = {
      style: new Html(`\n${read(plot, 'uPlot.min.css')}\n${read(here, 'page.css')}\n`),
      script: new Html(`\n${read(plot, 'uPlot.iife.min.js')}\n${read(here, 'draw-charts.js')}\n`),
    };
  }
  return loaded;
}

/** Styles and script stand beside the sources; this file may stand in dist/. */
function packageFolder(): string {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    try {
      if (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).name === 'gadolinium') return folder;
    } catch {
      if (path.dirname(folder) === folder) throw new Error(`no package folder above ${import.meta.dirname}`);
    }
  }
}
