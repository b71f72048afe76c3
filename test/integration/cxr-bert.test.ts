import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readReport } from '../../datasets/open-i/report-xml.js';
import type { Recipe } from '../../src/config/recipe.js';
import { resolve } from '../../src/config/resolve.js';
import { prepare } from '../../src/data/prepare.js';
import { TextTokenizer } from '../../src/data/tokenizer/tokenizer.js';
import { tokenizerJsonOf } from '../../src/data/tokenizer/tokenizer-formats.js';
import { description } from '../../src/native/generated.js';
import general from '../../src/recipes/cxr-bert-general.js';
import specialized from '../../src/recipes/cxr-bert-specialized.js';
import { train } from '../../src/train/train.js';
import { shrunk } from '../laws/shrink.js';
import { root, temporary } from './tiny.js';

// CXR-BERT's phases on the real reports of Open-i, which are not in this repository: the test looks for them where the variable says,
// or beside it.

const reports = [
  process.env['GADOLINIUM_OPEN_I'],
  join(root, '../shared/data/openi-reports'),
  join(root, '../../shared/data/openi-reports'),
].find((path) => path !== undefined && existsSync(join(path, 'NLMCXR_reports.tgz')));
if (!reports)
  console.warn('SKIPPED: the real reports of Open-i are not on this machine; GADOLINIUM_OPEN_I names their folder');
const python = [process.env['GADOLINIUM_PYTHON'], 'python3'].find(
  (one) => one && spawnSync(one, ['-c', 'import transformers']).status === 0,
);
if (!python)
  console.warn('SKIPPED: no Python with transformers (GADOLINIUM_PYTHON): ids are not held against BertTokenizer');

describe.runIf(reports)('on real reports', () => {
  let folder: string;
  let raw: string;
  let data: string;
  beforeAll(async () => {
    folder = temporary();
    raw = join(folder, 'raw');
    mkdirSync(raw);
    execFileSync('tar', ['xzf', join(reports as string, 'NLMCXR_reports.tgz'), '-C', raw]);
    data = join(folder, 'data');
    await prepare({ dataset: 'open-i', from: raw, to: data, tokenizer: 'train:3000', adapter: { images: 'none' } })
      .done;
  }, 120_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;

  test.each<[string, Recipe, Record<string, number>, string[]]>([
    ['cxr-bert-general', general, { 'masked-language': 0.85 }, []],
    [
      'cxr-bert-specialized',
      specialized,
      { 'section-matching': 0.97, 'masked-language': 0.95 },
      // At the paper's 0.5 a small model's first steps show little.
      [
        'objectives.0.options.temperature=0.1',
        ...['dropout', 'attentionDropout'].map((option) => `encoders.text.options.${option}=0`),
        ...['text', 'impression', 'masked'].map((input) => `data.${input}.options.maxTokens=48`),
      ],
    ],
  ])(
    '%s learns',
    async (name, recipe, terms, set) => {
      const config = resolve(name, recipe, { parts: description });
      const run = train({
        recipe: shrunk(config, { learnable: false }),
        data,
        run: join(folder, name),
        set: ['train.steps=80', 'train.batch=16', 'optimise.lr=2e-3', ...set],
      });
      const found: Record<string, number>[] = [];
      for await (const event of run) if (event.type === 'step') found.push(event.losses);
      await run.done;
      expect(found).toHaveLength(80);
      for (const [term, share] of Object.entries(terms)) {
        const values = found.map((losses) => losses[term] as number);
        expect(mean(values.slice(-10)), term).toBeLessThan(share * mean(values.slice(0, 5)));
      }
    },
    180_000,
  );

  test.runIf(python)(
    'ids of all 3,955 reports are those of transformers’ BertTokenizer',
    async () => {
      const { model } = JSON.parse(readFileSync(join(data, 'tokenizer.json'), 'utf8')) as {
        model: { vocab: Record<string, number> };
      };
      const pieces = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
      const file = join(folder, 'vocab.txt');
      writeFileSync(file, `${pieces.map(([piece]) => piece).join('\n')}\n`);
      const texts: string[] = [];
      const names = readdirSync(join(raw, 'ecgen-radiology')).filter((name) => name.endsWith('.xml'));
      expect(names).toHaveLength(3955);
      for (const name of names) {
        const report = readReport(readFileSync(join(raw, 'ecgen-radiology', name), 'utf8'));
        texts.push([...(report?.sections.values() ?? [])].join(' '));
      }
      const input = texts.map((text) => JSON.stringify(text)).join('\n');
      const script = join(root, 'test/parity/bert_ids.py');
      const options = { input, encoding: 'utf8', maxBuffer: 1 << 28 } as const;
      const { status, stdout, stderr } = spawnSync(python as string, [script, file], options);
      expect(status, stderr).toBe(0);
      const wanted = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as number[]);

      const tokenizer = await TextTokenizer.from(tokenizerJsonOf(file, { lowercase: true }), 'vocab.txt');
      const { start, end } = tokenizer.summary.special;
      const found = (await tokenizer.encodeSentences(texts)).map((sentences) => [start, ...sentences.flat(), end]);
      expect(wanted).toHaveLength(3955);
      for (const [i, ids] of found.entries()) expect(ids, texts[i]).toEqual(wanted[i]);
    },
    120_000,
  );
});
