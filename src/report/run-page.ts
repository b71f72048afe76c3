import type { Warning } from '../events/types.js';
import { bytes, count, duration, figure, rounded } from '../events/wording.js';
import { configTables } from './config-table.js';
import { bestValue, byTask, classTables, evaluationTables, galleries } from './evaluations.js';
import { type Figure, runFigures } from './figures.js';
import type { History } from './history.js';
import { Captions, type Cell, type Html, html, table } from './html.js';
import { figureBlock, page } from './page.js';

/** Warnings of one code that are listed one by one. */
const mostWarnings = 20;

/** The report of one run. `now` is the time of writing, which an unfinished run is measured against. */
export function runPage(history: History, now = Date.now()): string {
  const captions = new Captions();
  const figures = runFigures(history);
  const blocks = (wanted: (figure: Figure) => boolean) => {
    const chosen = figures.figures.filter(wanted);
    if (chosen.length === 0) return undefined;
    return html`<div class="figures">${chosen.map((chart) => figureBlock(chart, figures.grids[chart.grid]!, captions))}</div>`;
  };
  const machine = new Set(['rate', 'mfu', 'step-time', 'memory', 'ready']);
  const ofEvaluation = (figure: Figure) => figure.grid.startsWith('evaluation');
  const some = (parts: Html[]) => (parts.length > 0 ? parts : undefined);
  const pictures = galleries(history.evaluations);

  // In the order of the page, since captions are numbered as they are made.
  const sections = [
    { id: 'summary', title: 'Summary', body: [tiles(history), summaryTable(history, captions)] },
    {
      id: 'evaluation',
      title: 'Evaluation',
      body: some([
        ...evaluationTables(history.evaluations, captions),
        ...[blocks(ofEvaluation)].filter((part) => part !== undefined),
      ]),
    },
    { id: 'classes', title: 'By class', body: some(classTables(history.evaluations, captions)) },
    { id: 'training', title: 'Training', body: blocks((figure) => !machine.has(figure.id) && !ofEvaluation(figure)) },
    { id: 'speed', title: 'Speed and memory', body: blocks((figure) => machine.has(figure.id)) },
    {
      id: 'gallery',
      title: 'Held-out images',
      body: some(pictures) && [
        html`<p class="note">Pictures and texts of the data set: this page may be passed on only as the data set may.</p>`,
        ...pictures,
      ],
    },
    { id: 'config', title: 'Config', body: configTables(history.config, captions) },
    { id: 'log', title: 'Sessions, checkpoints, warnings', body: log(history, captions) },
  ];
  const started = history.sessions.at(-1)?.started;
  const recipe = started === undefined ? '' : html`<p class="recipe">${started.recipe} on ${started.data.name}</p>`;
  const header = html`<div><h1>${history.name}</h1>${recipe}</div>${state(history, now)}`;
  return page({ title: `${history.name} – Gadolinium`, header, sections, figures });
}

function state(history: History, now: number): Html {
  const { finished } = history;
  const told =
    history.lastTime > 0
      ? html`<time datetime="${new Date(history.lastTime).toISOString()}">${date(history.lastTime)}</time>`
      : '';
  if (finished === undefined) {
    const ago = Math.max(0, (now - history.lastTime) / 1000);
    return html`<p class="state unfinished"><b>unfinished</b> at step ${count(history.steps.last)}; last event ${told}, ${duration(ago)} before this page was written</p>`;
  }
  const error =
    finished.error === undefined
      ? ''
      : html`<span class="error">${finished.error.message} <code>${finished.error.code}</code>${finished.error.advice === undefined ? '' : html`<br>${finished.error.advice}`}</span>`;
  return html`<p class="state ${finished.reason}"><b>${finished.reason}</b> at step ${count(finished.step)}, ${told}${error}</p>`;
}

/** What one looks for first. */
function tiles(history: History): Html {
  const { steps } = history;
  const tile = (name: string, value: string, note = '') =>
    html`<div><dt>${name}</dt><dd>${value}${note === '' ? '' : html`<small>${note}</small>`}</dd></div>`;
  const planned = history.sessions.at(-1)?.started.steps;
  const loss = steps.latest('loss');
  const rate = steps.median('samplesPerSecond');
  const total = steps.median('milliseconds.total');
  const wait = steps.median('milliseconds.wait');
  const mfu = steps.median('mfu');
  const peak = steps.latest('memory.peak');
  const evaluated = [...byTask(history.evaluations)].map(([task, told]) => {
    const [metric, value] = Object.entries(told.at(-1)!.metrics)[0] ?? [];
    if (metric === undefined || value === undefined || value === null) return '';
    const best = bestValue(told, metric);
    return tile(`${task}: ${metric}`, figure(value), best === undefined ? '' : `best ${figure(best)}`);
  });
  return html`<dl class="tiles">${[
    tile('steps', count(steps.last), planned === undefined ? '' : `of ${count(planned)}`),
    loss === undefined ? '' : tile('last loss', figure(loss)),
    ...evaluated,
    rate === undefined ? '' : tile('throughput', figure(rate), 'samples/s, median'),
    total && wait !== undefined
      ? tile('wait for data', `${((100 * wait) / total).toFixed(1)} %`, 'of a step, median')
      : '',
    mfu === undefined ? '' : tile('MFU', `${(100 * mfu).toFixed(1)} %`, 'median'),
    peak === undefined ? '' : tile('peak memory', bytes(peak)),
    tile('time', duration(seconds(history)), 'all sessions'),
  ]}</dl>`;
}

/** Time in which somebody trained: pauses between sessions are left out. */
function seconds(history: History): number {
  return history.sessions.reduce((sum, { started, lastTime }) => sum + (lastTime - started.time) / 1000, 0);
}

function summaryTable(history: History, captions: Captions): Html | undefined {
  const started = history.sessions.at(-1)?.started;
  if (started === undefined) return undefined;
  const { parameters, versions, data } = started;
  const towers = Object.entries(parameters.byTower ?? {}).map(([tower, n]) => `${tower} ${rounded(n)}`);
  const rows: [string, string][] = [
    ['recipe', started.recipe],
    ['data', `${data.name}: ${count(data.training)} of ${count(data.rows)} rows for training (${data.folder})`],
    [
      'model',
      `${rounded(parameters.total)} parameters, ${rounded(parameters.trainable)} trainable${towers.length > 0 ? `: ${towers.join(', ')}` : ''}`,
    ],
    [
      'batch',
      `${count(started.batch)} samples a step${started.accumulate > 1 ? `, in ${started.accumulate} chunks` : ''}`,
    ],
    ['negatives', started.negatives],
    [
      'machine',
      `${started.device}, ${started.precision}, ${started.threads} threads, ${started.world === 1 ? 'one process' : `${started.world} processes`}`,
    ],
    ['versions', `Gadolinium ${versions.gadolinium}, libtorch ${versions.libtorch}, Node ${versions.node}`],
    ['run folder', started.run],
  ];
  return table(captions.table('The run.'), ['', ''], rows, 'facts');
}

function log(history: History, captions: Captions): Html[] {
  const numeric = (value: string): Cell => ({ value, numeric: true });
  const out = [
    table(
      captions.table(
        'Sessions. A resumed session does again what came after its checkpoint; only the last telling of a step is shown on this page.',
      ),
      ['begun', 'from', numeric('from step'), numeric('to step'), numeric('done again'), numeric('time')],
      history.sessions.map(({ started, lastStep, lastTime, repeated }) => [
        date(started.time),
        started.resumed ?? 'the start',
        numeric(count(started.from)),
        numeric(count(lastStep)),
        numeric(count(repeated)),
        numeric(duration((lastTime - started.time) / 1000)),
      ]),
    ),
  ];
  if (history.checkpoints.length > 0) {
    out.push(
      table(
        captions.table('Checkpoints written; retention may have deleted some since.'),
        ['path', numeric('step'), 'reason', numeric('size'), numeric('time'), 'written'],
        history.checkpoints.map(({ path, step, reason, bytes: size, milliseconds, time }) => [
          html`<code>${path}</code>`,
          numeric(count(step)),
          reason,
          numeric(bytes(size)),
          numeric(duration(milliseconds / 1000)),
          date(time),
        ]),
        'checkpoints',
      ),
    );
  }
  out.push(...warningTables(history.warnings, captions));
  if (history.lost.length > 0) {
    const rows = history.lost.map(({ lost, host, step, phase, message, time }) => [
      `rank ${lost}`,
      host,
      numeric(count(step)),
      phase,
      message,
      date(time),
    ]);
    out.push(
      table(
        captions.table('Processes that were lost.'),
        ['rank', 'host', numeric('step'), 'phase', 'what happened', 'time'],
        rows,
      ),
    );
  }
  const { finished } = history;
  const counts = [
    finished !== undefined && finished.skipped > 0
      ? `${count(finished.skipped)} steps were skipped since loss or gradient was not finite.`
      : '',
    finished !== undefined && finished.rejected > 0 ? `${count(finished.rejected)} samples were rejected.` : '',
    history.unreadable > 0
      ? `${count(history.unreadable)} lines of events.jsonl could not be read as events and are not shown.`
      : '',
  ].filter((text) => text !== '');
  if (counts.length > 0) out.push(html`<p>${counts.join(' ')}</p>`);
  return out;
}

function warningTables(warnings: readonly Warning[], captions: Captions): Html[] {
  if (warnings.length === 0) return [html`<p>No warnings.</p>`];
  const codes = new Map<string, Warning[]>();
  for (const warning of warnings) codes.set(warning.code, [...(codes.get(warning.code) ?? []), warning]);
  const rows = [...codes].flatMap(([code, all]) => {
    const listed = all
      .slice(-mostWarnings)
      .map((warning): Cell[] => [
        html`<code>${code}</code>`,
        { value: warning.step === undefined ? '–' : count(warning.step), numeric: true },
        warning.message,
        date(warning.time),
      ]);
    const left = all.length - listed.length;
    return left > 0
      ? [
          [
            html`<code>${code}</code>`,
            { value: '…', numeric: true },
            `and ${count(left)} earlier ones, in events.jsonl`,
            '',
          ],
          ...listed,
        ]
      : listed;
  });
  return [
    table(
      captions.table(html`Warnings, ${count(warnings.length)} in all sessions.`),
      ['code', { value: 'step', numeric: true }, 'message', 'time'],
      rows,
    ),
  ];
}

/** 2026-11-03 09:00:12 UTC */
export function date(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
