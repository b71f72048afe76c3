import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import yargs from 'yargs';
import { builder, linesOf } from '../../../src/cli/embed.js';

describe('the list of inputs', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'gadolinium-lists-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const list = (text: string) => {
    const file = join(folder, 'list.txt');
    writeFileSync(file, text);
    return linesOf(file, '--texts');
  };

  it('is one entry a line, whatever ends the lines', () => {
    expect(list('no edema\nedema\n')).toEqual(['no edema', 'edema']);
    expect(list('\uFEFFa, b\r\n c ')).toEqual(['a, b', ' c ']);
  });

  it('has no empty line', () => {
    expect(() => list('a\n\nb\n')).toThrow('an empty line 2');
    expect(() => list('')).toThrow('an empty line 1');
    expect(() => linesOf(join(folder, 'none.txt'), '--images')).toThrow('a file that can be read for --images');
  });
});

describe('the options of embed', () => {
  const parse = async (...words: string[]) =>
    builder(yargs(['--checkpoint', 'c', '--out', 'o', ...words]))
      .exitProcess(false)
      .fail((_, error) => {
        throw error;
      })
      .parseAsync();

  it('take one kind of input', async () => {
    expect(await parse('--data', 'd', '--split', 'test')).toMatchObject({ data: 'd', split: 'test' });
    await expect(parse()).rejects.toThrow('0 of them');
    await expect(parse('--data', 'd', '--texts', 't')).rejects.toThrow('2 of them');
    await expect(parse('--texts', 't', '--split', 'test')).rejects.toThrow('--data with --split');
    await expect(parse()).rejects.toMatchObject({ code: 'usage' });
  });
});
