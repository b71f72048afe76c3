import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import yargs from 'yargs';
import * as command from '../../../src/cli/report.js';
import type { TrainEvent } from '../../../src/events/types.js';
import { writeComparison, writeReport } from '../../../src/report/report.js';
import { retrieval, runStarted, startTime, step, wholeRun, zeroShot } from '../../fixtures/run-events.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-report-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pixel =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABijPjAAAAAABJRU5ErkJggg==';

function makeRun(name: string, events: TrainEvent[], config?: unknown): string {
  const run = path.join(folder, name);
  mkdirSync(run, { recursive: true });
  writeFileSync(path.join(run, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  if (config !== undefined) writeFileSync(path.join(run, 'config.json'), JSON.stringify(config));
  return run;
}

const text = (file: string) => readFileSync(file, 'utf8');
/** What the page's script gets. */
const figures = (page: string) =>
  JSON.parse(/<script type="application\/json" id="figures">(.*?)<\/script>/s.exec(page)![1]!);

describe('writeReport', () => {
  it('shows everything of a whole run, asks nobody for anything, and stays small', async () => {
    const run = makeRun('whole', wholeRun([pixel, pixel]), {
      batch: 256,
      optimise: { lr: 5e-4 },
      overrides: ['optimise.lr=5e-4'],
    });
    const file = await writeReport(run);
    expect(file).toBe(path.join(run, 'report.html'));
    expect(readdirSync(run).sort()).toEqual(['config.json', 'events.jsonl', 'report.html']);
    const page = text(file);
    expect(statSync(file).size).toBeLessThan(1_000_000);
    expect(page).not.toMatch(/(src|href)="(?!#|data:image\/)/);
    expect(page).not.toMatch(/@import|url\(/);
    for (const words of [
      'done',
      'global batch of 256 in one process, exact gradient',
      'CHEST',
      'checkpoints/step-1600',
      'non-finite-gradient',
      'libtorch 2.13.0',
      'resumed',
    ]) {
      expect(page).toContain(words);
    }
    expect(page).toContain('<td class=""><code>0.0005</code></td><td class=""><b>command line</b></td>');
    expect(page).toContain('alt="Held-out image synpic20371: frontal chest radiograph, lungs are clear"');
    const drawn = figures(page);
    expect(drawn.resumed).toEqual([1200]);
    const ids = drawn.figures.map(({ id }: { id: string }) => id);
    expect(ids).toEqual([...new Set(ids)]);
    for (const id of [
      'loss',
      'learning-rate',
      'gradient-norm',
      'rate',
      'step-time',
      'memory',
      'evaluation-0-0',
      'evaluation-1-1',
    ])
      expect(ids).toContain(id);
    for (const figure of drawn.figures) {
      for (const { line, low, high } of figure.series) {
        const size = drawn.grids[figure.grid].length;
        expect([line.length, low?.length ?? size, high?.length ?? size]).toEqual([size, size, size]);
      }
    }
    // Every table has its caption and every heading level is there.
    expect(page.match(/<table/g)!.length).toBe(page.match(/<caption/g)!.length);
    expect(page.match(/<h1/g)).toHaveLength(1);
  });

  it('lets no text of data, config or errors become markup', async () => {
    const evil = '<script>alert(1)</script><img src="http://x.test/" onerror=alert(1)>';
    const run = makeRun(
      'evil',
      [
        runStarted({ recipe: evil, run: evil }),
        step(1, { losses: { [evil]: 1, other: 2 } }),
        zeroShot(1, {
          name: evil,
          metrics: { [evil]: 0.5 },
          table: { columns: [evil], rows: [[evil]] },
          gallery: [
            { sample: evil, image: 'http://x.test/a.png', text: evil, best: [{ text: evil, score: 1 }], worst: [] },
          ],
        }),
        {
          type: 'run-finished',
          time: startTime,
          rank: 0,
          step: 1,
          reason: 'failed',
          error: { code: evil, message: evil, advice: evil },
          skipped: 0,
          rejected: 0,
          seconds: 1,
        },
      ],
      { [evil]: evil },
    );
    const page = text(await writeReport(run));
    expect(page).not.toContain('<script>alert');
    expect(page).not.toContain('<img src="http');
    expect(page).not.toContain('src="http');
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(figures(page).figures[0].series.map(({ label }: { label: string }) => label)).toContain(evil);
  });

  it('shows runs that failed, that go on, and that have hardly begun', async () => {
    const failed = makeRun('failed', [
      runStarted(),
      step(1),
      {
        type: 'run-finished',
        time: startTime,
        rank: 0,
        step: 1,
        reason: 'failed',
        error: { code: 'data', message: 'expected a JPEG', advice: 'prepare again' },
        skipped: 3,
        rejected: 4,
        seconds: 1,
      },
    ]);
    const page = text(await writeReport(failed));
    for (const words of [
      '<b>failed</b>',
      'expected a JPEG',
      'prepare again',
      '3 steps were skipped',
      '4 samples were rejected',
      'no config.json',
    ])
      expect(page).toContain(words);
    expect(text(await writeReport(makeRun('going', [runStarted(), step(1), step(2)])))).toContain(
      '<b>unfinished</b> at step 2',
    );
    expect(text(await writeReport(makeRun('begun', [runStarted()])))).toContain('<b>unfinished</b> at step 0');
    expect(text(await writeReport(makeRun('empty', [])))).toContain('<b>unfinished</b>');
  });

  it('does not grow with the number of steps, classes, evaluations and pictures', async () => {
    const big = `data:image/jpeg;base64,${'A'.repeat(400_000)}`;
    const events: TrainEvent[] = [runStarted({ steps: 30_000 })];
    for (let n = 1; n <= 30_000; n++) {
      events.push(step(n));
      if (n % 300 === 0) events.push(retrieval(n));
    }
    const item = { sample: 's', image: big, text: 't', best: [], worst: [] };
    events.push(
      zeroShot(30_000, {
        gallery: Array.from({ length: 20 }, () => item),
        table: { columns: ['class', 'auroc'], rows: Array.from({ length: 5000 }, (_, i) => [`c${i}`, 0.5]) },
      }),
    );
    const file = await writeReport(makeRun('long', events));
    expect(statSync(file).size).toBeLessThan(5_000_000);
    const page = text(file);
    expect(page).toContain('13 further pictures are left out');
    expect(page).toContain('The first 60 of 5,000 rows');
    expect(page).toContain('All 100 evaluations of retrieval');
  });

  it('keeps the lines of layer-wise rates few, and says so', async () => {
    const learningRates = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`layer ${i}`, 1e-4 * 0.9 ** i]));
    const page = text(
      await writeReport(makeRun('layers', [runStarted(), step(1, { learningRates }), step(2, { learningRates })])),
    );
    const { series } = figures(page).figures.find(({ id }: { id: string }) => id === 'learning-rate');
    expect(series).toHaveLength(8);
    expect([series[0].label, series[7].label]).toEqual(['layer 0', 'layer 29']);
    expect(page).toContain('Drawn are 8 of 30 lines.');
  });
});

describe('writeComparison', () => {
  it('says what differs first, and lays curves of different length over each other', async () => {
    const a = makeRun('a', wholeRun(), { batch: 256, seed: 7, optimise: { betas: [0.9, 0.98] } });
    const b = makeRun(
      'b',
      [runStarted(), ...Array.from({ length: 900 }, (_, i) => step(i + 1)), zeroShot(200), zeroShot(400)],
      { batch: 256, seed: 8, optimise: { betas: [0.9, 0.999] } },
    );
    const file = await writeComparison([a, b]);
    expect(file).toBe(path.join(folder, 'comparison.html'));
    const page = text(file);
    expect(page).toContain('The 2 of 3 values in which the configs differ.');
    expect(page).toContain('<code>[0.9,0.999]</code>');
    expect(page.indexOf('id="config"')).toBeLessThan(page.indexOf('id="curves"'));
    const drawn = figures(page);
    const loss = drawn.figures.find(({ id }: { id: string }) => id === 'loss');
    expect(loss.series.map(({ label }: { label: string }) => label)).toEqual(['a', 'b']);
    const told = (series: { line: (number | null)[] }) =>
      drawn.grids.steps.filter((_: number, i: number) => series.line[i] !== null).at(-1);
    expect(told(loss.series[0])).toBe(2000);
    expect(told(loss.series[1])).toBeGreaterThan(890);
    expect(told(loss.series[1])).toBeLessThanOrEqual(902);
  });

  it('tells runs of one name apart, and says where configs are missing', async () => {
    const runs = [makeRun('x/run', [runStarted(), step(1)]), makeRun('y/run', [runStarted(), step(1)], {})];
    const page = text(await writeComparison(runs, path.join(folder, 'out.html')));
    for (const run of runs) expect(page).toContain(run);
    expect(page).toContain('configs are not compared');
  });
});

describe('gadolinium report', () => {
  async function call(...words: string[]): Promise<{ out: string; error?: unknown }> {
    let out = '';
    const { write } = process.stdout;
    process.stdout.write = (chunk: string | Uint8Array) => {
      out += chunk;
      return true;
    };
    try {
      await yargs(['report', ...words])
        .command(command)
        .exitProcess(false)
        .fail((message, error) => {
          throw error ?? new Error(message);
        })
        .parseAsync();
      return { out };
    } catch (error) {
      return { out, error };
    } finally {
      process.stdout.write = write;
    }
  }

  it('writes one run or several and prints where', async () => {
    const a = makeRun('a', wholeRun());
    const b = makeRun('b', wholeRun());
    expect(await call(a, '--open', 'no')).toEqual({ out: `${path.join(a, 'report.html')}\n` });
    expect(await call(a, b, '--open', 'no')).toEqual({ out: `${path.join(folder, 'comparison.html')}\n` });
    const { out } = await call(a, '--json');
    expect(JSON.parse(out)).toEqual({ type: 'report', path: path.join(a, 'report.html') });
  });

  it('refuses what it cannot do', async () => {
    expect(String((await call(path.join(folder, 'none'))).error)).toContain('expected a run folder');
    expect(String((await call()).error)).toMatch(/run|positional|arguments/i);
    expect(String((await call(folder, '--out', 'x.html')).error)).toContain('--out is for comparisons');
  });
});
