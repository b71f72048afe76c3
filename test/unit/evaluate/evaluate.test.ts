import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evaluationSchema, linearProbe, retrieval, zeroShot } from '../../../src/config/evaluate.js';
import type { Embedded, Embedder } from '../../../src/evaluate/embedder.js';
import { entriesFor, evaluate, TASK_NAMES, textKindsOf } from '../../../src/evaluate/evaluate.js';
import { publishedFor, publishedTables } from '../../../src/evaluate/published.js';
import { resultText } from '../../../src/evaluate/result-text.js';
import { prepareFolder } from './folder.js';

describe('entries to run', () => {
  const configured = [
    zeroShot({ labels: 'organ', ensemble: 'max-of-scores' }),
    retrieval(),
    zeroShot({ labels: 'plane' }),
  ];

  it("are the recipe's of that task, that name, or all", () => {
    expect(entriesFor('zero-shot', configured, {}).map((e) => e.name)).toEqual(['zero-shot organ', 'zero-shot plane']);
    expect(entriesFor('zero-shot plane', configured, {}).map((e) => e.name)).toEqual(['zero-shot plane']);
    expect(entriesFor('all', configured, {}).length).toBe(3);
  });

  it('take overrides, and only where labels fit', () => {
    const [entry, ...more] = entriesFor('zero-shot', configured, { labels: 'organ', split: 'valid', bootstrap: 7 });
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ labels: 'organ', split: 'valid', bootstrap: 7, ensemble: 'max-of-scores' });
    const [made] = entriesFor('zero-shot', configured, { labels: 'other' });
    expect(made).toMatchObject({
      name: 'zero-shot other',
      labels: 'other',
      ensemble: 'mean-of-embeddings',
      split: 'test',
    });
  });

  it('are made where the recipe has none', () => {
    expect(entriesFor('retrieval', [], {})).toEqual([evaluationSchema.parse(retrieval())]);
    expect(entriesFor('linear-probe', [], { labels: 'organ' })).toEqual([
      evaluationSchema.parse(linearProbe({ labels: 'organ' })),
    ]);
  });

  it('end with a sentence where they cannot be', () => {
    expect(() => entriesFor('grading', configured, {})).toThrow(`one of ${TASK_NAMES.join(', ')}`);
    expect(() => entriesFor('all', [], {})).toThrow('a recipe with evaluations');
    expect(() => entriesFor('linear-probe', [], {})).toThrow("'labels' of linear-probe");
    expect(() => entriesFor('retrieval', [], { prompts: 'x.json' })).toThrow('prompts');
    expect(() => entriesFor('zero-shot', [], { bootstrap: -1 })).toThrow("'bootstrap' of zero-shot");
  });
});

describe('text kinds', () => {
  it("are the text input's", () => {
    expect(textKindsOf({ data: { words: { input: 'text', options: { kinds: ['caption'] } } } })).toEqual(['caption']);
    expect(textKindsOf({ data: { words: { input: 'text', options: { kinds: [] } } } })).toBeUndefined();
    expect(textKindsOf({})).toBeUndefined();
  });
});

describe('published figures', () => {
  it('are shares with a source each, read in a paper or a repository', () => {
    const tables = publishedTables();
    expect(tables.length).toBeGreaterThan(0);
    for (const { dataset, note, figures } of tables) {
      expect(note).not.toBe('');
      for (const { task, metrics, source, method } of figures) {
        expect(TASK_NAMES, `${dataset} ${method}`).toContain(task);
        expect(source.length).toBeGreaterThan(5);
        for (const value of Object.values(metrics)) {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThanOrEqual(1);
        }
      }
    }
  });

  it('are found by data set, task and labels', () => {
    expect(publishedFor('chexpert', 'zero-shot', 'competition').map((one) => one.method)).toEqual(['CheXzero']);
    expect(publishedFor('chexpert', 'zero-shot', 'other')).toEqual([]);
    expect(publishedFor('chexpert', 'retrieval', 'competition')).toEqual([]);
  });
});

describe('evaluate', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gadolinium-evaluate-'));
    prepareFolder(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  // Rows lie at odd and even places as their labels do: left = odd rows.
  const embedder: Embedder = {
    embed: async ({ rows, features, data }): Promise<Embedded> => ({
      features: Object.fromEntries(
        features.map((name) => {
          const vectors = Array.from(rows, (row) => (data.kind === 'rows' ? [row % 2, 1 - (row % 2)] : [1 - row, row]));
          return [name, { data: Float32Array.from(vectors.flat()), rows: rows.length, width: 2 }];
        }),
      ),
      present: new Uint8Array(rows.length).fill(1),
    }),
    ranks: async ({ queryGroups }) => new Int32Array(queryGroups.length),
  };
  const model = {
    ...embedder,
    config: { evaluate: [zeroShot({ labels: 'side', prompts: 'both-sides' }), retrieval()] },
    close: async () => {},
  };

  it('runs the entries on a prepared folder and gives events', async () => {
    const reports = [];
    for await (const report of evaluate(model, folder, 'all', { bootstrap: 50 }, 12)) reports.push(report);
    expect(reports.map((one) => one.name)).toEqual(['zero-shot side', 'retrieval']);
    const [first] = reports;
    // Rows 1, 2 and 6 of split test carry a side; row 5 has no labels.
    expect(first).toMatchObject({ type: 'evaluation', step: 12, rank: 0, samples: 3, published: [] });
    expect(first!.metrics['accuracy']).toBe(1);
    expect(first!.notes[0]).toContain('1 of 4 rows carry none');
    const text = resultText(first!);
    expect(text).toContain('zero-shot side: 3 samples');
    expect(text).toMatch(/accuracy +1 {2}\[1, 1\]/);
    expect(text).toContain('note: 1 of 4 rows');
  });

  it('puts published figures under its own', () => {
    const text = resultText({
      type: 'evaluation',
      time: 0,
      rank: 0,
      step: 0,
      name: 'zero-shot plane',
      samples: 10,
      milliseconds: 1234,
      metrics: { 'f1.macro': 0.5 },
      notes: [],
      published: publishedFor('fetal-planes', 'zero-shot', 'plane'),
    });
    const lines = text.split('\n');
    expect(lines.find((line) => line.startsWith('zero-shot plane '))).toMatch(/0\.5000 +this model$/);
    expect(lines.find((line) => line.startsWith('FetalCLIP'))).toMatch(/0\.9727 .*README\.md \[repo\]$/);
  });
});
