import { describe, expect, it } from 'vitest';
import { findPrompts, parsePrompts } from '../../../src/evaluate/prompts.js';

const parse = (value: unknown) => parsePrompts(JSON.stringify(value), 'my.json');

describe('prompt files', () => {
  it('takes texts as they are, or fills templates with each word', () => {
    expect(parse({ labels: 'organ', classes: { HEAD: 'a head', CHEST: ['a chest', 'lungs'] } })).toEqual({
      name: 'my.json',
      vocab: 'organ',
      kind: 'softmax',
      classes: [
        { label: 'HEAD', texts: ['a head'] },
        { label: 'CHEST', texts: ['a chest', 'lungs'] },
      ],
    });
    const filled = parse({
      labels: 'organ',
      templates: ['an image of the {class}', '{class} and {class}'],
      classes: { HEAD: ['head', '$&'], CHEST: ['chest'] },
    });
    expect(filled.classes[0]!.texts).toEqual([
      'an image of the head',
      'an image of the $&',
      'head and head',
      '$& and $&',
    ]);
  });

  it('reads findings as pairs', () => {
    const pairs = parse({
      labels: 'chexpert',
      templates: { positive: '{class}', negative: 'no {class}' },
      findings: {
        Edema: ['edema'],
        Fracture: { positive: 'broken {class}', negative: ['no {class}', 'free of {class}'] },
      },
    });
    expect(pairs.kind).toBe('pairs');
    expect(pairs.classes[0]).toEqual({ label: 'Edema', texts: ['edema'], negative: ['no edema'] });
    const plain = parse({ labels: 'x', findings: { A: { positive: 'a', negative: 'not a' } } });
    expect(plain.classes).toEqual([{ label: 'A', texts: ['a'], negative: ['not a'] }]);
  });

  it.each([
    ['not JSON', () => parsePrompts('{', 'my.json'), 'expected JSON for my.json'],
    ['no labels', () => parse({ classes: { A: 'a', B: 'b' } }), "at 'labels'"],
    ['an empty text', () => parse({ labels: 'x', classes: { A: ' ', B: 'b' } }), "at 'classes.A'"],
    ['no texts', () => parse({ labels: 'x', classes: { A: [], B: 'b' } }), "at 'classes.A'"],
    ['one class', () => parse({ labels: 'x', classes: { A: 'a' } }), 'at least two classes'],
    [
      'a template without its place',
      () => parse({ labels: 'x', templates: 'an image', classes: { A: 'a', B: 'b' } }),
      "at 'templates'",
    ],
    ['a finding without its opposite', () => parse({ labels: 'x', findings: { A: ['a'] } }), 'findings.A in my.json'],
    ['an unknown key', () => parse({ labels: 'x', classes: { A: 'a', B: 'b' }, scale: 3 }), 'scale'],
  ])('names the place of %s', (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe('finding prompts', () => {
  const set = (name: string, vocab: string) => ({ name, vocab, kind: 'softmax' as const, classes: [] });

  it('takes the one that fits the labels, or the named one', () => {
    const shipped = [set('organs', 'organ'), set('planes', 'plane')];
    expect(findPrompts(undefined, 'plane', shipped).name).toBe('planes');
    expect(findPrompts('organs', undefined, shipped).name).toBe('organs');
    expect(() => findPrompts(undefined, undefined, shipped)).toThrow('organs, planes');
    expect(() => findPrompts('nothing.json', 'organ', shipped)).toThrow("'nothing.json'");
  });
});
