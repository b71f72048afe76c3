import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishedTables } from '../../../../src/evaluate/published/published.js';
import { PAPERS, readResults, reproductionOf } from '../../../../src/evaluate/published/reproduction.js';
import { groundingResult } from '../../../fixtures/evaluation-results.js';

const stateOf = (paper: string, results: Parameters<typeof reproductionOf>[1], dataset: string, task: string) =>
  reproductionOf(paper, results).figures.filter(
    (one) => one.figure.protocol['dataset'] === dataset && one.task === task,
  );

describe('a reproduction', () => {
  it('tells of every published number of the methods, each once', () => {
    const { figures, results } = reproductionOf('biovil', []);
    const all = publishedTables().flatMap((table) => table.figures);
    expect(figures.length).toBe(all.filter(({ method }) => method in PAPERS['biovil']!.methods).length);
    expect(figures.length).toBeGreaterThan(15);
    expect(new Set(figures.map(({ state }) => state))).toEqual(new Set(['not-run', 'impossible']));
    expect(figures.every(({ reasons }) => reasons.length === 1)).toBe(true);
    expect(results).toEqual([]);
  });

  it('names the protocol to run where there is no result', () => {
    const [one] = stateOf('medklip', [], 'chest-xray14', 'head-scores');
    expect(one!.reasons[0]).toContain('gadolinium evaluate medklip-chest-xray14 --checkpoint FILE');
    const [other] = stateOf('biovil', [], 'ms-cxr-t', 'temporal-classification');
    expect(other!.reasons[0]).toContain('evaluate biovil-ms-cxr-t ');
  });

  it('asks for nothing whose protocol is not known', () => {
    const zeroShot = stateOf('biovil', [], 'chest-xray14', 'zero-shot');
    expect(zeroShot.map(({ state }) => state)).toEqual(['impossible', 'impossible']);
    expect(zeroShot[1]!.reasons).toEqual(['its protocol is not known (prompts: of MAVL, not known)']);
  });

  it('sets a result of the same protocol beside its numbers', () => {
    const result = groundingResult();
    const grounded = stateOf('biovil', [result], 'ms-cxr', 'grounding');
    expect(grounded.filter(({ figure }) => figure.method === 'BioViL').map(({ state }) => state)).toEqual(['re-run', 're-run', 're-run']); // biome-ignore format: one line
    expect(grounded[0]!.result).toBe(result);
    // It is of the recipe biovil, so it is no BioViL-L; of a recipe that nobody knows it could be either.
    const local = grounded.filter(({ figure }) => figure.method === 'BioViL-L');
    expect(local.map(({ state }) => state)).toEqual(local.map(() => 'another-protocol'));
    expect(local[0]!.reasons).toEqual(['model: published BioViL-L, here of the recipe biovil']);
    const own = groundingResult({ model: { resolution: 480, recipe: 'mine.mjs' } });
    expect(stateOf('biovil', [own], 'ms-cxr', 'grounding').every(({ state }) => state === 're-run')).toBe(true);
    expect(reproductionOf('biovil', [result]).results).toEqual([result]);
    // Another method's numbers are not touched.
    expect(reproductionOf('medklip', [result]).figures.some(({ state }) => state === 're-run')).toBe(false);
  });

  it('refuses a result of another protocol, size or data set, and prefers one that may be compared', () => {
    const raw = groundingResult({ protocol: { ...groundingResult().protocol, smooth: 0 }, model: { resolution: 224 } });
    const [refused] = stateOf('biovil', [raw], 'ms-cxr', 'grounding');
    expect(refused).toMatchObject({ state: 'another-protocol', result: raw });
    expect(refused!.reasons).toEqual([
      'smoothing of the map: published 1.5, here 0',
      'resolution: published 480 pixels, here 224',
    ]);
    const elsewhere = groundingResult({ protocol: { ...groundingResult().protocol, dataset: 'made-up' } });
    expect(stateOf('biovil', [elsewhere], 'ms-cxr', 'grounding')[0]!.reasons).toEqual([
      "data set: published 'ms-cxr', here 'made-up'",
    ]);
    const good = groundingResult();
    expect(stateOf('biovil', [good, raw], 'ms-cxr', 'grounding')[0]).toMatchObject({ state: 're-run', result: good });
  });

  it('knows its papers', () => {
    expect(() => reproductionOf('clip', [])).toThrow('one of biovil, biovil-t, medklip');
  });
});

describe('files of results', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gadolinium-results-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => {
    writeFileSync(join(folder, 'results.jsonl'), text);
    return join(folder, 'results.jsonl');
  };

  it('hold one a line', () => {
    const lines = [groundingResult(), groundingResult({ name: 'second' })].map((one) => JSON.stringify(one));
    expect(readResults([file(`${lines.join('\n\n')}\n`)]).map(({ name }) => name)).toEqual(['biovil-ms-cxr', 'second']);
  });

  it('that are none are named with the line', () => {
    expect(() => readResults([file(`${JSON.stringify(groundingResult())}\n{"type":`)])).toThrow(
      /results\.jsonl, line 2/,
    );
    const { protocol: _, ...event } = groundingResult();
    expect(() => readResults([file(JSON.stringify(event))])).toThrow(/line 1 .*'protocol'/);
    expect(() => readResults([join(folder, 'none.jsonl')])).toThrow('none.jsonl');
  });
});
