import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evaluationSchema, linearProbe, retrieval, zeroShot } from '../../../src/config/evaluate.js';
import { protocols } from '../../../src/config/protocols.js';
import type { Embedded, Embedder } from '../../../src/evaluate/embedder.js';
import {
  entriesFor,
  evaluate,
  FINE_TUNE,
  fineTuneEntry,
  TASK_NAMES,
  textKindsOf,
} from '../../../src/evaluate/evaluate.js';
import { findPrompts } from '../../../src/evaluate/prompts.js';
import { publishedFor, publishedTables } from '../../../src/evaluate/published/published.js';
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

  it('take any setting by its path, also below a default', () => {
    const set = ['features.samples=image.other', 'scale=12', 'same=1'];
    expect(entriesFor('zero-shot', [], { set: set.slice(0, 2) })[0]).toMatchObject({
      features: { samples: 'image.other', prompts: 'text.global' },
      scale: 12,
    });
    expect(() => entriesFor('zero-shot', [], { set })).toThrow('same');
    const pairs = entriesFor('sentence-pairs', [], { labels: 'nli', set: ['same=yes', 'different=no', 'folds=4'] });
    expect(pairs[0]).toMatchObject({ labels: 'nli', same: 'yes', different: 'no', folds: 4 });
  });

  it('are also those of a fine-tuning', () => {
    expect(fineTuneEntry({ labels: 'organ', set: ['fractions=[0.1]', 'lr=0.001'] })).toMatchObject({
      name: 'fine-tune organ',
      fractions: [0.1],
      lr: 0.001,
      decay: 0.02,
      split: 'test',
    });
    expect(() => fineTuneEntry({})).toThrow("'labels' of fine-tune");
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
      for (const { task, metrics, source, method, unavailable } of figures) {
        // A task that does not exist says why; one that does has no excuse.
        expect([...TASK_NAMES, FINE_TUNE].includes(task), `${dataset} ${method} ${task}`).toBe(
          unavailable === undefined,
        );
        expect(source.length).toBeGreaterThan(5);
        for (const value of Object.values(metrics)) {
          expect(value).toBeGreaterThan(0);
          expect(value).toBeLessThanOrEqual(2);
        }
        // Contrast to noise is no share.
        for (const [name, value] of Object.entries(metrics))
          if (!name.startsWith('cnr')) expect(value).toBeLessThanOrEqual(1);
      }
    }
  });

  it('are found by data set, task and labels', () => {
    const found = (task: string, labels: string | undefined, dataset: string) =>
      publishedFor(task, labels, { dataset }).filter(({ differs }) => differs.length === 0);
    expect(found('zero-shot', 'competition', 'chexpert').map((one) => one.method)).toEqual(['CheXzero']);
    expect(found('zero-shot', 'other', 'chexpert')).toEqual([]);
    expect(found('retrieval', 'competition', 'chexpert')).toEqual([]);
  });

  it('are refused where the protocol is another, with the reasons', () => {
    const entry = protocols['medklip-chest-xray14']!.entry;
    const ours = {
      dataset: 'chest-xray14',
      split: 'test',
      samples: 25_590,
      findings: 14,
      threshold: 'best-f1-of-reported',
    };
    const alike = publishedFor(entry.task, undefined, ours);
    expect(alike.length).toBeGreaterThan(2);
    expect(alike.every(({ differs }) => differs.length === 0)).toBe(true);
    const [other] = publishedFor(entry.task, undefined, { ...ours, samples: 400, threshold: 'best-f1' });
    expect(other!.differs).toEqual([
      "threshold: published 'best-f1-of-reported', here 'best-f1'",
      'number of samples: published 25,596, here 400',
    ]);
    // Asked for by the protocol's name on another data set: its figures come with the reason.
    const elsewhere = publishedFor(entry.task, undefined, { ...ours, dataset: 'open-i' }, 'chest-xray14');
    expect(elsewhere[0]!.differs).toEqual(["data set: published 'chest-xray14', here 'open-i'"]);
  });
});

describe('published protocols', () => {
  it('are entries of tasks that exist, named as they are asked for', () => {
    for (const [name, { entry, source }] of Object.entries(protocols)) {
      const parsed = evaluationSchema.parse(entry);
      expect(parsed.name).toBe(name);
      expect(source.length).toBeGreaterThan(20);
      expect(entriesFor(name, [], { split: 'valid' })).toEqual([{ ...parsed, split: 'valid' }]);
      if (parsed.task === 'zero-shot') expect(findPrompts(parsed.prompts, parsed.labels, []).name).toBe(parsed.prompts);
    }
  });

  it('have figures to stand beside', () => {
    const tables = publishedTables();
    for (const [name, { dataset, entry }] of Object.entries(protocols)) {
      if (name === 'biovil-ms-cxr-pointing') continue;
      const figures = tables.filter((table) => table.dataset === dataset).flatMap((table) => table.figures);
      expect(
        figures.some(({ task }) => task === entry.task),
        name,
      ).toBe(true);
    }
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
    for await (const report of evaluate(model, folder, 'all', { bootstrap: 50 }, { step: 12, weights: 'w' }))
      reports.push(report);
    expect(reports.map((one) => one.name)).toEqual(['zero-shot side', 'retrieval']);
    const [first] = reports;
    // Rows 1, 2 and 6 of split test carry a side; row 5 has no labels.
    expect(first).toMatchObject({
      type: 'evaluation',
      step: 12,
      rank: 0,
      samples: 3,
      published: [],
      task: 'zero-shot',
    });
    expect(first!.protocol).toMatchObject({ dataset: 'made-up', split: 'test', samples: 3, prompts: 'both-sides' });
    expect(first!.model).toEqual({ resolution: undefined, weights: 'w', recipe: undefined });
    expect(first!.metrics['accuracy']).toBe(1);
    expect(first!.notes[0]).toContain('1 of 4 rows carry none');
    const text = resultText(first!);
    expect(text).toContain('zero-shot side: 3 samples');
    expect(text).toMatch(/accuracy +1 {2}\[1, 1\]/);
    expect(text).toContain('note: 1 of 4 rows');
  });

  it('puts published figures under its own, and says why others are not there', () => {
    const protocol = {
      dataset: 'rsna-pneumonia',
      split: 'test',
      samples: 4000,
      findings: 1,
      prompts: 'pneumonia-pair',
      threshold: 'argmax',
    };
    const text = resultText({
      type: 'evaluation',
      time: 0,
      rank: 0,
      step: 0,
      task: 'zero-shot',
      name: 'biovil-rsna',
      samples: 4000,
      milliseconds: 1234,
      metrics: { 'auroc.macro': 0.84, 'f1.macro': 0.5 },
      notes: [],
      protocol,
      model: { resolution: 480, weights: 'biovil.safetensors' },
      published: publishedFor('zero-shot', undefined, protocol),
    });
    const lines = text.split('\n');
    expect(lines.find((line) => line.startsWith('biovil-rsna '))).toMatch(
      /0\.8400 +0\.5000 +– +480 +biovil\.safetensors +this model$/,
    );
    expect(lines.find((line) => line.startsWith('BioViL '))).toMatch(
      /0\.8310 +0\.6650 +0\.7320 +480 .*2022 \[memory\]$/,
    );
    expect(lines.filter((line) => line.startsWith('BioViL '))).toHaveLength(1);
    expect(text).toContain('[memory] is remembered from the paper');
    expect(text).toMatch(
      /not compared with .*MAVL.*: another protocol\. .*threshold: published 'best-f1-of-reported', here 'argmax'/,
    );
  });
});
