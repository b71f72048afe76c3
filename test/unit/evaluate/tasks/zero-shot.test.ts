import { describe, expect, it } from 'vitest';
import { zeroShot as entryOf, zeroShotSchema } from '../../../../src/config/evaluate.js';
import { protocols } from '../../../../src/config/protocols.js';
import type { PromptSet } from '../../../../src/evaluate/prompts.js';
import { zeroShot } from '../../../../src/evaluate/tasks/zero-shot.js';
import { at, FakeEmbedder, FakeRows, type FakeSample } from '../fakes.js';

const ORGANS = { vocab: 'organ', kind: 'class' as const, names: ['HEAD', 'CHEST', 'ABDOMEN'] };
const FINDINGS = { vocab: 'finding', kind: 'finding' as const, names: ['edema', 'fracture'] };

const organPrompts: PromptSet = {
  name: 'organs',
  vocab: 'organ',
  kind: 'softmax',
  classes: [
    { label: 'HEAD', texts: ['head'] },
    { label: 'CHEST', texts: ['chest'] },
    { label: 'ABDOMEN', texts: ['abdomen'] },
  ],
};
const directions = { head: at(0), chest: at(120), abdomen: at(240) };

function run(
  options: Parameters<typeof entryOf>[0],
  samples: FakeSample[],
  sets: PromptSet[],
  vectors: Record<string, number[]>,
  logitScale?: number,
) {
  const rows = new FakeRows(samples, [ORGANS, FINDINGS], sets);
  const entry = zeroShotSchema.parse(entryOf(options));
  return zeroShot(entry, { embedder: new FakeEmbedder(rows, vectors), rows, data: 'folder', logitScale });
}

describe('zero-shot over classes', () => {
  const samples: FakeSample[] = [
    { image: at(10, 7), labels: { organ: 'HEAD' } },
    { image: at(-20, 0.1), labels: { organ: 'HEAD' } },
    { image: at(100), labels: { organ: 'CHEST' } },
    // Nearest to the chest at 120 degrees: wrong.
    { image: at(170), labels: { organ: 'ABDOMEN' } },
    { image: at(250), labels: { organ: 'ABDOMEN' } },
  ];

  it('takes the nearest class whatever the lengths, and counts by class', async () => {
    const { metrics, samples: n, table, notes } = await run({ labels: 'organ' }, samples, [organPrompts], directions);
    expect(n).toBe(5);
    expect(metrics['accuracy']).toBeCloseTo(4 / 5, 12);
    expect(metrics['accuracy.balanced']).toBeCloseTo((1 + 1 + 1 / 2) / 3, 12);
    expect(metrics['f1.macro']).toBeCloseTo((1 + 2 / 3 + 2 / 3) / 3, 12);
    expect(table!.rows.map((row) => row.slice(0, 5))).toEqual([
      ['HEAD', 2, 2, 1, 1],
      ['CHEST', 1, 2, 1, 1 / 2],
      ['ABDOMEN', 2, 1, 1 / 2, 1],
    ]);
    expect(notes).toEqual([]);
    // No scale is known, so nothing is said of calibration.
    expect(metrics['ece']).toBeUndefined();
  });

  it('measures calibration at the model scale', async () => {
    const { metrics } = await run({ labels: 'organ' }, [samples[0]!], [organPrompts], directions, 2);
    const scores = [10, 110, 230].map((d) => Math.exp(2 * Math.cos((d * Math.PI) / 180)));
    expect(metrics['ece']).toBeCloseTo(1 - scores[0]! / (scores[0]! + scores[1]! + scores[2]!), 6);
  });

  it('gives the same arg-max at every scale and intervals around the accuracy', async () => {
    for (const scale of [0.01, 100]) {
      const { metrics } = await run({ labels: 'organ', scale, bootstrap: 200 }, samples, [organPrompts], directions);
      expect(metrics['accuracy']).toBeCloseTo(4 / 5, 12);
      expect(metrics['accuracy.low']).toBeLessThan(4 / 5);
      expect(metrics['accuracy.high']).toBeGreaterThan(4 / 5);
    }
  });

  it("standardises each class's scores over the rows where told so", async () => {
    const rows: FakeSample[] = [25, 45, 90].map((degrees) => ({ image: at(degrees), labels: { organ: 'HEAD' } }));
    const prompts = { ...organPrompts, classes: organPrompts.classes.slice(0, 2) };
    const near = { head: at(0), chest: at(40) };
    const said = async (standardiseScores: boolean) =>
      (await run({ labels: 'organ', standardiseScores }, rows, [prompts], near)).metrics['accuracy'];
    expect(await said(false)).toBe(0);
    // Scores 0.906, 0.707, 0 become 0.95, 0.43, -1.38; scores 0.966, 0.996, 0.643 become 0.61, 0.80, -1.41.
    expect(await said(true)).toBeCloseTo(2 / 3, 12);
    const { notes } = await run({ labels: 'organ', standardiseScores: true }, rows, [prompts], near);
    expect(notes.join()).toContain("a row's prediction depends on the others");
  });

  it('says which rows it left out', async () => {
    const more: FakeSample[] = [...samples, { image: at(0) }, { image: null, labels: { organ: 'HEAD' } }];
    const { samples: n, notes } = await run({ labels: 'organ' }, more, [organPrompts], directions);
    expect(n).toBe(5);
    expect(notes).toEqual([
      "1 of 7 rows carry none of the classes of 'organ' and were left out",
      '1 of 6 rows lack image.global and were left out',
    ]);
  });

  it('names the class without samples', async () => {
    const { notes, metrics } = await run({ labels: 'organ' }, samples.slice(0, 3), [organPrompts], directions);
    expect(notes.join()).toContain("class 'ABDOMEN' has no AUROC");
    expect(metrics['auroc.macro']).toBe(1);
  });

  it('ends with a sentence where prompts or labels are not there', async () => {
    await expect(run({ labels: 'organ' }, samples, [], {})).rejects.toThrow('expected one prompt set');
    await expect(run({ prompts: 'nowhere' }, samples, [organPrompts], {})).rejects.toThrow('organs');
    const named = {
      ...organPrompts,
      classes: [
        { label: 'KNEE', texts: ['head'] },
        { label: 'HEAD', texts: ['head'] },
      ],
    };
    await expect(run({ labels: 'organ' }, samples, [named], directions)).rejects.toThrow(
      "expected one of HEAD, CHEST, ABDOMEN for a class of 'organ' but got 'KNEE'",
    );
    await expect(run({ labels: 'organ', split: 'valid' }, samples, [organPrompts], directions)).rejects.toThrow(
      'at least one row',
    );
  });

  it('refuses a feature with a NaN by sample', async () => {
    const broken = [{ image: [Number.NaN, 0], labels: { organ: 'HEAD' } }];
    await expect(run({ labels: 'organ' }, broken, [organPrompts], directions)).rejects.toThrow(
      'image.global of sample sample-0',
    );
  });
});

describe('prompt ensembles', () => {
  // Class a: prompts at 0 (length 1) and at 90 (length 9). Class b: one prompt at 60. The sample lies at 85.
  const set: PromptSet = {
    name: 'ab',
    vocab: 'organ',
    kind: 'softmax',
    classes: [
      { label: 'HEAD', texts: ['a short', 'a long'] },
      { label: 'CHEST', texts: ['b'] },
    ],
  };
  const vectors = { 'a short': at(0), 'a long': at(90, 9), b: at(60) };
  const sample = (degrees: number, organ: string) => [{ image: at(degrees), labels: { organ } }];

  it.each([
    // Normalised first, class a points to 45 degrees: 85 is nearer to 60.
    ['mean-of-embeddings', 'CHEST'],
    // Not normalised, the long prompt wins: class a points to 83.7 degrees.
    ['mean-of-raw-embeddings', 'HEAD'],
    // Mean of cos 85 and cos 5 is 0.54; cos 25 is 0.91.
    ['mean-of-scores', 'CHEST'],
    // The best prompt of a is at 5 degrees.
    ['max-of-scores', 'HEAD'],
  ] as const)('%s puts a sample at 85 degrees into %s', async (ensemble, organ) => {
    const { metrics } = await run({ labels: 'organ', ensemble }, sample(85, organ), [set], vectors);
    expect(metrics['accuracy']).toBe(1);
  });
});

describe('zero-shot over findings', () => {
  const set: PromptSet = {
    name: 'pairs',
    vocab: 'finding',
    kind: 'pairs',
    classes: [
      { label: 'edema', texts: ['edema'], negative: ['no edema'] },
      { label: 'fracture', texts: ['fracture'], negative: ['no fracture'] },
    ],
  };
  const vectors = { edema: at(0), 'no edema': at(180), fracture: at(90), 'no fracture': at(-90) };
  const samples: FakeSample[] = [
    { image: at(30), labels: { finding: { edema: 'positive', fracture: 'positive' } } },
    { image: at(150), labels: { finding: { edema: 'negative', fracture: 'positive' } } },
    { image: at(200), labels: { finding: { edema: 'negative', fracture: 'negative' } } },
    { image: at(250), labels: { finding: { edema: 'positive', fracture: 'uncertain' } } },
  ];

  it('scores a finding by the soft-max over its pair', async () => {
    const { metrics, table } = await run({ labels: 'finding', scale: 3 }, samples, [set], vectors);
    // Edema by cosine: 30° .87 (yes), 150° -.87 (no), 200° -.94 (no), 250° -.34 (yes): all pairs in order.
    expect(metrics['auroc.edema']).toBe(1);
    expect(metrics['auroc.macro']).toBe(1);
    // Called at 0.5: edema finds 1 of 2 positives, fracture both of two.
    expect(table!.rows[0]!.slice(0, 3)).toEqual(['edema', 2, 2]);
    expect(table!.rows[0]![7]).toBe(1 / 2);
    expect(table!.rows[1]!.slice(0, 3)).toEqual(['fracture', 2, 1]);
    expect(metrics['f1.macro']).toBeCloseTo((2 / 3 + 1) / 2, 12);
    expect(metrics['accuracy.macro']).toBeCloseTo((3 / 4 + 1) / 2, 12);
  });

  it('counts uncertain labels as asked', async () => {
    const { table } = await run({ labels: 'finding', uncertain: 'positive' }, samples, [set], vectors);
    expect(table!.rows[1]!.slice(0, 3)).toEqual(['fracture', 3, 1]);
  });

  it('takes thresholds from split valid', async () => {
    const valid: FakeSample[] = [
      { split: 'valid', image: at(100), labels: { finding: { edema: 'positive', fracture: 'positive' } } },
      { split: 'valid', image: at(170), labels: { finding: { edema: 'negative', fracture: 'positive' } } },
    ];
    const { table, notes } = await run(
      { labels: 'finding', threshold: 'best-mcc' },
      [...samples, ...valid],
      [set],
      vectors,
    );
    // Edema is called at or above the probability of cosine cos 100°: soft-max over (c, -c) at scale 1.
    const c = Math.cos((100 * Math.PI) / 180);
    expect(table!.rows[0]![10]).toBeCloseTo(1 / (1 + Math.exp(-2 * c)), 6);
    // 250° (cosine -0.34) stays below it, as 150° and 200° do.
    expect(table!.rows[0]![7]).toBe(1 / 2);
    expect(table!.rows[1]![10]).toBe(0.5);
    expect(notes).toContain(
      "finding 'fracture' has no positives or no negatives in split 'valid': its threshold stays 0.5",
    );
    await expect(
      run({ labels: 'finding', threshold: 'best-f1', split: 'valid' }, valid, [set], vectors),
    ).rejects.toThrow("another split than 'valid'");
  });
});

describe('zero-shot by the prompts of a published protocol', () => {
  const pneumonia = ['Findings suggesting pneumonia', 'No evidence of pneumonia'] as const;
  const vectors = { [pneumonia[0]]: at(0), [pneumonia[1]]: at(90) };
  const evaluated = (vocabularies: ConstructorParameters<typeof FakeRows>[1], samples: FakeSample[]) => {
    const rows = new FakeRows(samples, vocabularies);
    const entry = zeroShotSchema.parse(protocols['biovil-rsna']!.entry);
    return zeroShot(entry, { embedder: new FakeEmbedder(rows, vectors), rows, data: 'folder' });
  };
  const labels = (name: string, pneumonia: 'positive' | 'negative') => ({ [name]: { Pneumonia: pneumonia } });
  const samples = (name: string): FakeSample[] => [
    { image: at(20), labels: labels(name, 'positive') },
    { image: at(50), labels: labels(name, 'positive') },
    { image: at(80), labels: labels(name, 'negative') },
  ];

  it('takes the vocabulary that has the findings, whatever its name', async () => {
    const { metrics } = await evaluated(
      [{ vocab: 'target', kind: 'finding', names: ['Pneumonia'] }],
      samples('target'),
    );
    expect(metrics).toMatchObject({ 'auroc.macro': 1, 'accuracy.macro': 2 / 3 });
  });

  it('asks where several have them, or none', async () => {
    const two = ['one', 'two'].map((vocab) => ({ vocab, kind: 'finding' as const, names: ['Pneumonia'] }));
    await expect(evaluated(two, samples('one'))).rejects.toThrow(/one label vocabulary with Pneumonia .*'one, two'/);
    await expect(evaluated([FINDINGS], samples('finding'))).rejects.toThrow(/but got 'finding'/);
  });
});
