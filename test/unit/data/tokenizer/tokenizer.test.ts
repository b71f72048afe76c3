import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Tokenizer as Oracle } from '@huggingface/tokenizers';
import { describe, expect, test } from 'vitest';
import { sentences } from '../../../../src/data/tokenizer/sentences.js';
import { TextTokenizer } from '../../../../src/data/tokenizer/tokenizer.js';
import { tokenizerJsonOf, trainedSize, VocabularyTraining } from '../../../../src/data/tokenizer/tokenizer-formats.js';
import { temporaryFolder } from '../source-folder.js';

/** Real questions and answers about radiology images. */
const entries = JSON.parse(
  readFileSync(new URL('../../../../datasets/vqa-rad/sample/vqa_rad_public.json', import.meta.url), 'utf8'),
) as { question: string; answer: string | number }[];
const texts = entries.map(({ question, answer }) => `${question} ${answer}. Seen by Dr. Gray, 2.5 cm (naïve µ).`);

function trained(size: number): string {
  const words = new VocabularyTraining();
  for (const text of texts) words.add(text);
  return words.json(size);
}

/** The JavaScript implementation, for the same file. */
function oracleIds(json: string): (text: string) => number[] {
  const oracle = new Oracle(JSON.parse(json), {});
  return (text) => Array.from(oracle.encode(text, { add_special_tokens: false }).ids, Number);
}

/** Merges of a small CLIP vocabulary, found on the spot: the pairs of characters of frequent words. */
const MERGES = ['t h', 'i n', 'a n', 'e r', 'th e</w>', 'i s</w>', 'in g</w>', 'o n', 'l u', 'lu n', 'lun g</w>'];

function clip(folder: string): string {
  const path = join(folder, 'merges.txt.gz');
  writeFileSync(path, gzipSync(`#version: 0.2\n${MERGES.join('\n')}\n`));
  return tokenizerJsonOf(path, { lowercase: true });
}

describe('ids equal another implementation’s on real texts', () => {
  test('WordPiece', async () => {
    const json = trained(1500);
    const ids = await (await TextTokenizer.from(json, 'trained')).encode(texts);
    const oracle = oracleIds(json);
    for (const [i, text] of texts.entries()) expect(ids[i]).toEqual(oracle(text));
  });

  test('CLIP’s BPE', async () => {
    const json = clip(temporaryFolder());
    const some = texts.slice(0, 300);
    const ids = await (await TextTokenizer.from(json, 'clip')).encode(some);
    const oracle = oracleIds(json);
    for (const [i, text] of some.entries()) expect(ids[i]).toEqual(oracle(text));
  });
});

/** A byte-level BPE without merges: a blank belongs to the word behind it. */
const BYTE_LEVEL = JSON.stringify({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  post_processor: null,
  decoder: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(
      [...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)), 'Ġ', 'Ġl'].map((piece, id) => [piece, id]),
    ),
    merges: ['Ġ l'],
  },
});

describe('joined sentence ids are the ids of the joined sentences', () => {
  test.each([
    ['WordPiece', () => trained(1500), ''],
    ['CLIP', () => clip(temporaryFolder()), ''],
    ['byte-level BPE', () => BYTE_LEVEL, ' '],
  ])('%s', async (_, json, joiner) => {
    const tokenizer = await TextTokenizer.from(json(), 'test');
    expect(tokenizer.summary.joiner).toBe(joiner);
    const some = texts.slice(0, 200);
    const bySentence = await tokenizer.encodeSentences(some);
    const whole = await tokenizer.encode(some.map((text) => sentences(text).join(' ')));
    expect(bySentence.every((ids) => ids.length >= 2)).toBe(true);
    expect(bySentence.map((ids) => ids.flat())).toEqual(whole);
  });
});

test('special ids are found, and no special token is in the sentences', async () => {
  const wordPiece = await TextTokenizer.from(trained(300), 'trained');
  expect(wordPiece.summary).toMatchObject({
    model: 'WordPiece',
    vocabulary: 300,
    special: { pad: 0, unknown: 1, start: 2, end: 3, mask: 4 },
  });
  expect((await wordPiece.encode(['lungs']))[0]!.some((id) => id < 5)).toBe(false);
  const bpe = await TextTokenizer.from(clip(temporaryFolder()), 'clip');
  const size = 512 + MERGES.length + 2;
  expect(bpe.summary).toMatchObject({
    vocabulary: size,
    special: { start: size - 2, end: size - 1, pad: 0, mask: null },
  });
});

test('a vocab.txt is read with and without case', async () => {
  const path = join(temporaryFolder(), 'vocab.txt');
  writeFileSync(path, ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'lung', '##s', 'Lung', ''].join('\n'));
  const ids = async (lowercase: boolean) =>
    (
      await (await TextTokenizer.from(tokenizerJsonOf(path, { lowercase }), 'vocab.txt')).encode(['Lungs lungs liver'])
    )[0];
  expect(await ids(true)).toEqual([5, 6, 5, 6, 1]);
  expect(await ids(false)).toEqual([7, 6, 5, 6, 1]);
});

test('the same texts train the same vocabulary, whatever their order', () => {
  const other = new VocabularyTraining();
  for (const text of [...texts].reverse()) other.add(text);
  expect(other.json(500)).toBe(trained(500));
});

test('a trained vocabulary holds frequent words whole', async () => {
  const tokenizer = await TextTokenizer.from(trained(1500), 'trained');
  const counts = (await tokenizer.encode(['lung', 'the', 'chest', 'image'])).map((ids) => ids.length);
  expect(counts).toEqual([1, 1, 1, 1]);
});

test('a text of 100,000 characters is encoded', async () => {
  const tokenizer = await TextTokenizer.from(trained(500), 'trained');
  const [spaced, solid] = await tokenizer.encodeSentences(['lung '.repeat(20_000), 'x'.repeat(100_000)]);
  expect(spaced!.flat()).toHaveLength(20_000);
  expect(solid!.flat()).toEqual([tokenizer.summary.special.unknown]);
});

test('what is no tokenizer ends in a sentence', async () => {
  const folder = temporaryFolder();
  const path = join(folder, 'words.txt');
  writeFileSync(path, 'alpha beta gamma\n');
  expect(() => tokenizerJsonOf(path, { lowercase: true })).toThrow(/expected a tokenizer.json, a BERT vocab.txt/);
  expect(() => tokenizerJsonOf(join(folder, 'nothing.json'), { lowercase: true })).toThrow(/could not read/);
  writeFileSync(path, '{"model": ');
  expect(() => tokenizerJsonOf(path, { lowercase: true })).toThrow(/expected JSON/);
  await expect(TextTokenizer.from('{}', 'empty.json')).rejects.toThrow(/expected a tokenizer.json for empty.json/);
  expect(() => trainedSize('train:7')).toThrow(/between 100 and 200,000/);
  expect(trainedSize('train:2000')).toBe(2000);
  expect(trainedSize('vocab.txt')).toBeUndefined();
});
