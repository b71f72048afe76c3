// @ts-check
// Compiles every kernel for every architecture and keeps what the assembler says of each: registers, stack, spills. A change
// that makes a kernel spill, or one that is no longer compiled, is then seen without a card. Takes minutes.
//
//   node test/gpu/registers.mjs            compares with registers.txt; status 1 where they differ
//   node test/gpu/registers.mjs --write    writes it
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findProgram, run } from '../../src/setup/program.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const REPORT = join(root, 'test/gpu/registers.txt');
const ARCHITECTURES = ['sm_80', 'sm_90a'];

/** @returns {string[]} the .cu files, from the root */
export const kernelFiles = () =>
  readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.cu'))
    .map((name) => join('native', name))
    .sort();

/** Comments and line breaks change no kernel. @param {string} text */
const withoutComments = (text) => text.replaceAll(/\/\/.*$/gm, '').replaceAll(/\s+/g, ' ');

/**
 * A hash of a file and of all headers of ours that it includes: tells whether its part of the report is of this source.
 * @param {string} file from the root
 */
export function sourceHash(file) {
  /** @type {Map<string, string>} */
  const texts = new Map();
  const visit = (/** @type {string} */ name) => {
    if (texts.has(name) || !existsSync(join(root, name))) return;
    const text = readFileSync(join(root, name), 'utf8');
    texts.set(name, text);
    for (const [, include] of text.matchAll(/^\s*#include "(.+)"/gm)) {
      visit(join('native', String(include)));
      visit(join(dirname(name), String(include)));
    }
  };
  visit(file);
  const hash = createHash('sha256');
  for (const name of [...texts.keys()].sort()) hash.update(name).update(withoutComments(String(texts.get(name))));
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} program @param {string[]} args */
async function must(program, ...args) {
  const { status, output } = await run(program, args, { cwd: root });
  if (status !== 0)
    throw new Error(`expected ${program} ${args.join(' ')} to succeed but got status ${status}\n${output}`);
  return output;
}

/** `gd::tile::gradient_kernel<Bf16, 64, …>` without what differs between compilers. @param {string} name */
const plain = (name) =>
  name
    .replaceAll(/\(anonymous namespace\)::|gd::|tile::|^void /g, '')
    .replace(/\(.*$/, '')
    .replaceAll(/\((?:int|bool)\)/g, '');

/** @param {string} nvcc @param {string} file @param {string} architecture @returns {Promise<string[]>} a line a kernel */
async function kernels(nvcc, file, architecture) {
  const output = await must(
    nvcc,
    '-cubin',
    file,
    '-o',
    '/dev/null',
    '-std=c++17',
    '-O3',
    '--expt-relaxed-constexpr',
    '-DGADOLINIUM_CUDA',
    `-arch=${architecture}`,
    '-Inative',
    '-Xptxas',
    '-v',
  );
  const found = [
    ...output.matchAll(
      /Compiling entry function '(\S+)'[\s\S]*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads[\s\S]*?Used (\d+) registers/g,
    ),
  ];
  const names = found.length
    ? (await must('c++filt', ...found.map((match) => String(match[1])))).trim().split('\n')
    : [];
  return found
    .map(
      ([, , stack, stores, loads, registers], i) =>
        `  ${plain(String(names[i])).padEnd(56)} ${String(registers).padStart(3)} registers, stack ${stack}, spill stores ${stores}, loads ${loads}`,
    )
    .sort();
}

async function main() {
  const nvcc = findProgram('nvcc', ...(process.env['CUDA_HOME'] ? [join(process.env['CUDA_HOME'], 'bin/nvcc')] : []));
  if (!nvcc) throw new Error('expected nvcc on PATH or in CUDA_HOME but found none');
  const release = /release \S+, V\S+/.exec(await must(nvcc, '--version'))?.[0] ?? 'unknown';
  const lines = [`nvcc ${release}`];
  for (const file of kernelFiles())
    for (const architecture of ARCHITECTURES) {
      process.stderr.write(`compiling ${file} for ${architecture}\n`);
      lines.push('', `${file} ${sourceHash(file)} ${architecture}`, ...(await kernels(nvcc, file, architecture)));
    }
  const now = `${lines.join('\n')}\n`;
  if (process.argv.includes('--write')) {
    writeFileSync(REPORT, now);
    return 0;
  }
  const before = readFileSync(REPORT, 'utf8');
  if (before.split('\n')[0] !== lines[0]) {
    process.stdout.write(`skipped: the report is of ${before.split('\n')[0]} and this is ${lines[0]}\n`);
    return 0;
  }
  const old = new Set(before.split('\n'));
  const fresh = new Set(now.split('\n'));
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `- ${line}`);
  const come = [...fresh].filter((line) => !old.has(line)).map((line) => `+ ${line}`);
  process.stdout.write(
    [...gone, ...come, gone.length + come.length ? 'differs: look, then --write' : 'the same', ''].join('\n'),
  );
  return gone.length + come.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main();
