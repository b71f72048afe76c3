import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FileBytes } from '../../src/checkpoint/file-bytes.js';
import { readSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { openSource } from '../../src/checkpoint/source.js';
import { compile, gadolinium, root, temporary } from './tiny.js';

// What comes in under our names goes out again under the official ones, bit by bit; where a Python with torch is at hand, it is the
// one that writes first and reads last.

const fixtures = fileURLToPath(new URL('../fixtures/checkpoint/', import.meta.url));
let folder: string;
beforeAll(() => {
  compile();
  folder = temporary();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const command = async (...words: string[]) => {
  const { code, stderr } = await gadolinium(...words).ended;
  expect(code, stderr).toBe(0);
  return stderr;
};

/** Bytes of every tensor by name. */
function contents(path: string): Record<string, string> {
  const source = openSource(path);
  const out = Object.fromEntries(
    [...source.tensors].map(([name, { dtype, shape, pieces }]) => [
      name,
      `${dtype} ${shape} ${Buffer.concat([...pieces()]).toString('base64')}`,
    ]),
  );
  source.close();
  return out;
}

/** format, part, the file that is read (and its option), and what the export may leave out. */
const CASES: [string, string, string[], string, RegExp][] = [
  ['biovil', 'image', ['--image', 'biovil.pt'], 'biovil.pt', /^$/],
  ['cxr-bert', 'from', ['--from', 'cxr-bert'], 'cxr-bert', /position_ids$/],
  ['torchvision-resnet', 'from', ['--from', 'resnet.pth'], 'resnet.pth', /^$/],
  ['huggingface-bert', 'from', ['--from', 'bert'], 'bert', /position_ids$|seq_relationship/],
];

describe('export', () => {
  test.each(CASES)('%s comes back whole', async (format, part, [option, from], original, mayLack) => {
    const ours = join(folder, `${format}.safetensors`);
    await command('import', format, option!, join(fixtures, from!), '--to', ours);
    for (const ending of ['pt', 'safetensors']) {
      const back = join(folder, `${format}-back.${ending}`);
      await command('export', format, '--part', part, '--checkpoint', ours, '--to', back);
      // TensorFlow's names come back as torch's.
      const wanted = Object.entries(contents(join(fixtures, original)))
        .filter(([name]) => !mayLack.test(name))
        .filter(([name]) => ending === 'pt' || !name.startsWith('cls.predictions.decoder'))
        .map(([name, value]) => [name.replace(/\.gamma$/, '.weight').replace(/\.beta$/, '.bias'), value]);
      expect(contents(back)).toEqual(Object.fromEntries(wanted));
    }
  });

  test('a pair has two files; what the official class wants and nobody uses is zero, what else is missing is named', async () => {
    const pair = join(folder, 'pair.safetensors');
    const [image, text] = [join(fixtures, 'biovil.pt'), join(fixtures, 'cxr-bert')];
    await command('import', 'biovil', '--image', image, '--text', text, '--to', pair);
    const words = join(folder, 'pytorch_model.bin');
    const told = await command('export', 'biovil', '--part', 'text', '--checkpoint', pair, '--to', words);
    expect(told).toMatch(/left out, the format has no place for them: encoders\.image, heads\.projector/);
    expect(Object.keys(contents(words))).toHaveLength(50);

    // A trained encoder has no classifier.
    const file = new FileBytes(pair);
    const { tensors } = readSafetensors(file);
    for (const name of [...tensors.keys()]) if (name.startsWith('encoders.image.fc.')) tensors.delete(name);
    const trained = join(folder, 'trained.safetensors');
    writeSafetensors(trained, tensors, {});
    file.close();
    const model = join(folder, 'trained.pt');
    expect(await command('export', 'biovil', '--checkpoint', trained, '--to', model)).toMatch(
      /never used, set to 0: encoder\.encoder\.fc\.weight, encoder\.encoder\.fc\.bias/,
    );
    const written = contents(model);
    expect(written['encoder.encoder.fc.bias']).toBe(`F32 1000 ${Buffer.alloc(4000).toString('base64')}`);
    expect(Object.keys(written)).toHaveLength(328);

    const alone = join(folder, 'alone.safetensors');
    await command('import', 'cxr-bert', '--from', text, '--to', alone);
    const { code, stderr } = await gadolinium(
      ...['export', 'torchvision-resnet', '--checkpoint', alone, '--to', `${pair}.pt`],
    ).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected tensors below encoders\.image, which torchvision-resnet has/);
  });
});

const python = [process.env['GADOLINIUM_PYTHON'], 'python3'].find(
  (one) => one && spawnSync(one, ['-c', 'import torch']).status === 0,
);
if (!python) console.warn('no Python with torch (GADOLINIUM_PYTHON): checkpoints are not read back by torch itself');

describe.runIf(python)('with torch', () => {
  const script = join(root, 'test/parity/round_trip.py');
  const run = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(python as string, [script, ...words], { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    return Number(stdout);
  };

  test('random files of both formats, wrapped and bare, load there bit-equal', async () => {
    const files = join(folder, 'random');
    run('write', files);
    const pair = join(folder, 'random.safetensors');
    const resnet = join(folder, 'random-resnet.safetensors');
    await command(
      ...['import', 'biovil', '--image', join(files, 'biovil.pt'), '--text', join(files, 'text'), '--to', pair],
    );
    await command('import', 'torchvision-resnet', '--from', join(files, 'resnet.pth'), '--to', resnet);
    for (const ending of ['pt', 'safetensors']) {
      const [image, text, plain] = ['i', 't', 'r'].map((name) => join(folder, `random-${name}.${ending}`)) as [
        string,
        string,
        string,
      ];
      await command('export', 'biovil', '--checkpoint', pair, '--to', image);
      await command('export', 'biovil', '--part', 'text', '--checkpoint', pair, '--to', text);
      await command('export', 'torchvision-resnet', '--checkpoint', resnet, '--to', plain);
      expect(run('compare', join(files, 'biovil.pt'), image)).toBe(328);
      expect(run('compare', join(files, 'text/pytorch_model.bin'), text)).toBe(ending === 'pt' ? 50 : 48);
      expect(run('compare', join(files, 'resnet-plain.pth'), plain)).toBe(122);
    }
  }, 120_000);
});
