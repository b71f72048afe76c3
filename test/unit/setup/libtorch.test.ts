import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { provideLibtorch } from '../../../src/setup/libtorch.mjs';
import { type BareMachine, bareMachine, failureOf } from './bare-machine.js';
import { fakePip, libtorchFiles, pipOffers, wheel } from './fake-wheel.js';

/** Nobody listens there. */
const NO_INDEX = 'http://127.0.0.1:9/';
const place = (machine: BareMachine) => join(machine.cache, 'libtorch-2.13.0-cpu');
const provide = () => provideLibtorch(false, NO_INDEX);

function writeFiles(folder: string, files: Record<string, string>) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

test("pip's wheel is unpacked into the cache, without what is only for Python", async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles()));
  const libtorch = await provide();
  expect(libtorch).toEqual({ folder: join(place(machine), 'torch'), version: '2.13.0', cuda: false });
  expect(readFileSync(join(libtorch.folder, 'lib/libtorch_cpu.so'), 'utf8')).toBe('library'.repeat(10_000));
  expect(existsSync(join(libtorch.folder, 'lib/libtorch_python.so'))).toBe(false);
  expect(existsSync(join(libtorch.folder, 'nn'))).toBe(false);
  expect(readdirSync(machine.cache)).toEqual(['libtorch-2.13.0-cpu']);
});

test('the second call asks nobody', async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles()));
  await provide();
  const calls = readFileSync(join(machine.folder, 'calls.log'), 'utf8');
  expect(await provide()).toMatchObject({ origin: 'the cache' });
  expect(readFileSync(join(machine.folder, 'calls.log'), 'utf8')).toBe(calls);
});

test('a file that is not what RECORD names stops it, and no half cache stays', async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles(), ['torch/lib/libtorch_cpu.so']));
  const failure = await failureOf(provide);
  expect(failure.message).toMatch(/expected the checksum .* for torch\/lib\/libtorch_cpu\.so but got another one/);
  expect(failure.remedy).toMatch(/fetches the file anew/);
  expect(existsSync(place(machine))).toBe(false);
  pipOffers(machine, wheel(libtorchFiles()));
  expect((await provide()).version).toBe('2.13.0');
});

test.each([
  [
    'that ends too early',
    (whole: Buffer) => whole.subarray(0, whole.length - 30),
    /expected a whole zip file but got .*no end record/,
  ],
  ['that is empty', () => Buffer.alloc(0), /expected a whole zip file/],
  ['with damaged bytes', (whole: Buffer) => Buffer.from(whole).fill(7, 400, 600), /damaged/],
])('a wheel %s is told', async (_how, cut, sentence) => {
  const machine = bareMachine();
  pipOffers(machine, cut(wheel(libtorchFiles())));
  expect((await failureOf(provide)).message).toMatch(sentence);
  expect(existsSync(place(machine))).toBe(false);
});

test('no Python, no pip, no network: says all and the way by hand', async () => {
  bareMachine();
  const failure = await failureOf(provide);
  expect(failure.message).toMatch(
    /expected libtorch 2\.13\.0 from pip or from PyTorch's index but got neither: no pip was found/,
  );
  expect(failure.message).toMatch(/127\.0\.0\.1:9 to answer/);
  expect(failure.remedy).toMatch(/By hand: .*GADOLINIUM_LIBTORCH/);
});

test.each([
  [
    'echo "ERROR: No matching distribution found for torch==2.13.0" >&2; exit 1',
    /no index that pip knows has the wheel/,
  ],
  ['echo "NewConnectionError: Name or service not known" >&2; exit 1', /no index that pip knows can be reached/],
  ['echo "no such option: --report" >&2; exit 2', /pip is older than 22\.2/],
  ['echo "OSError: [Errno 28] No space left on device" >&2; exit 1', /the disk is full/],
])("pip's failure is told in few words: %s", async (body, sentence) => {
  const machine = bareMachine();
  fakePip(machine, body);
  expect((await failureOf(provide)).message).toMatch(sentence);
});

test('a CUDA wheel is not taken for the CPU', async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles()), ['filelock', 'nvidia-cudnn-cu13==9.24']);
  expect((await failureOf(provide)).message).toMatch(/pip offers the CUDA build alone/);
});

test('what an interrupted run left is not taken for libtorch', async () => {
  const machine = bareMachine();
  writeFiles(join(machine.cache, 'libtorch-2.13.0-cpu.unfinished/content'), { 'torch/lib/libtorch_cpu.so': 'half' });
  writeFiles(place(machine), { 'torch/include/ATen/ATen.h': '// copied by hand, in part' });
  pipOffers(machine, wheel(libtorchFiles()));
  const { folder } = await provide();
  expect(readFileSync(join(folder, 'lib/libtorch_cpu.so'), 'utf8')).toHaveLength(70_000);
});

test('two set-ups at once: one fetches, both find the whole', async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles()));
  const module = fileURLToPath(new URL('../../../src/setup/libtorch.mjs', import.meta.url));
  const script = `const { provideLibtorch } = await import(${JSON.stringify(module)}); console.log((await provideLibtorch(false, '${NO_INDEX}')).version)`;
  const child = () =>
    new Promise<string>((resolve) => {
      const process_ = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      process_.stdout.on('data', (text) => {
        output += text;
      });
      process_.on('close', (status) => resolve(`${status} ${output.trim()}`));
    });
  expect(await Promise.all([child(), child()])).toEqual(['0 2.13.0', '0 2.13.0']);
  expect(readFileSync(join(machine.folder, 'calls.log'), 'utf8').match(/--report/g)).toHaveLength(1);
  expect(readdirSync(machine.cache)).toEqual(['libtorch-2.13.0-cpu']);
});

test('the lock of a set-up that died is taken over', async () => {
  const machine = bareMachine();
  pipOffers(machine, wheel(libtorchFiles()));
  const dead = await new Promise<number>((resolve) => {
    const process_ = spawn(process.execPath, ['-e', '']);
    process_.on('close', () => resolve(process_.pid ?? 0));
  });
  writeFiles(`${place(machine)}.lock`, { holder: JSON.stringify({ host: hostname(), process: dead }) });
  expect((await provide()).version).toBe('2.13.0');
});

test('GADOLINIUM_LIBTORCH comes first and must name a supported libtorch of the wanted kind', async () => {
  const machine = bareMachine();
  const given = (folder: string) => {
    process.env['GADOLINIUM_LIBTORCH'] = folder;
  };
  writeFiles(join(machine.folder, 'new'), libtorchFiles('2.14.1'));
  writeFiles(join(machine.folder, 'old'), libtorchFiles('2.9.0'));
  writeFiles(place(machine), libtorchFiles());

  given(join(machine.folder, 'new'));
  expect(await provide()).toMatchObject({ version: '2.14.1', origin: 'the variable GADOLINIUM_LIBTORCH' });
  expect((await failureOf(() => provideLibtorch(true))).message).toMatch(
    /expected a CUDA build of libtorch .* but got a CPU build/,
  );
  given(join(machine.folder, 'old'));
  expect((await failureOf(provide)).message).toMatch(
    /expected libtorch 2\.11 up to, without, 2\.15 .* but got 2\.9\.0/,
  );
  given('/nowhere');
  expect((await failureOf(provide)).message).toMatch(/expected include\/ and lib\/ of libtorch .* but got "\/nowhere"/);
});

test("the active Python's torch is used where it fits", async () => {
  const machine = bareMachine();
  writeFiles(join(machine.folder, 'site'), libtorchFiles('2.12.1'));
  machine.program('python3', `echo ${machine.folder}/site/torch`);
  expect(await provide()).toMatchObject({ version: '2.12.1', origin: 'the active Python' });
});

test('the CUDA build without pip says so', async () => {
  bareMachine();
  const failure = await failureOf(() => provideLibtorch(true));
  expect(failure.message).toMatch(/expected pip for the CUDA build of libtorch but found none|free disk space/);
});
