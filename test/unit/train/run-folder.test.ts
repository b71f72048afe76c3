import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolve } from '../../../src/config/resolve.js';
import { description } from '../../../src/native/generated.js';
import demo from '../../../src/recipes/demo.js';
import { beginRunFolder, checkRunFolder, configFile } from '../../../src/train/run-folder.js';

const tokenizer = { vocabularySize: 100, startId: 0, endId: 1, padId: 2, maskId: 3, unknownId: 4 };

const resolved = (...set: string[]) => ({
  set,
  config: resolve('demo', demo, { parts: description, set, tokenizer }),
});

const newRun = () => join(mkdtempSync(join(tmpdir(), 'gadolinium-run-')), 'run');

test('config.json holds the configuration and what was overridden, and a run goes on with the same', () => {
  const run = newRun();
  const { config, set } = resolved('optimise.lr=0.125');
  checkRunFolder(run, config, false);
  beginRunFolder(run, config, set);
  const written = JSON.parse(readFileSync(configFile(run), 'utf8'));
  expect(written.overrides).toEqual(['optimise.lr=0.125']);
  expect(written.optimise.lr).toBe(0.125);
  checkRunFolder(run, config, true);
  expect(() => checkRunFolder(run, config, false)).toThrow(expect.objectContaining({ code: 'run-exists' }));
});

test('another configuration is refused by path and values; where and how long a run goes may change', () => {
  const run = newRun();
  const { config, set } = resolved();
  beginRunFolder(run, config, set);
  const other = resolved('optimise.lr=0.125', 'train.epochs=3', 'train.threads=1');
  expect(() => checkRunFolder(run, other.config, true)).toThrow(/optimise\.lr was 0\.\d+, now 0\.125$/);
  checkRunFolder(run, resolved('train.epochs=3').config, true);
});

test('a damaged config.json is named', () => {
  const run = newRun();
  const { config, set } = resolved();
  beginRunFolder(run, config, set);
  writeFileSync(configFile(run), '{"train":');
  expect(() => checkRunFolder(run, config, true)).toThrow(expect.objectContaining({ code: 'bad-run' }));
});
