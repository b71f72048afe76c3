// @ts-check
import { readFileSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { SetupFailure } from './failure.mjs';
import { findProgram, run } from './program.mjs';

const OLDEST_GCC = 11;
const OLDEST_CMAKE = [3, 20];
/** What one compiler may take: libtorch's headers are large. */
const BYTES_PER_JOB = 1.5e9;

/**
 * The programs that build the addon, with their versions.
 * @returns {Promise<{ compiler: string, compilerVersion: string, cmake: string, cmakeVersion: string, maker: string }>}
 */
export async function findBuildTools() {
  const named = process.env['CXX'];
  const compiler = findProgram(...(named ? [named] : ['c++', 'g++']));
  const compilerRemedy = `Install g++ ${OLDEST_GCC} or newer (a module on a cluster, or from conda), and name it in the variable CXX where it is not first on PATH.`;
  if (!compiler)
    throw new SetupFailure(
      `expected a C++ compiler but found ${named ? `no "${named}", which CXX names` : 'neither c++ nor g++ on PATH'}`,
      compilerRemedy,
    );
  const { status, output } = await run(compiler, ['-dM', '-E', '-x', 'c++', '/dev/null']);
  const macro = (/** @type {string} */ name) => new RegExp(`#define ${name} (\\d+)`).exec(output)?.[1] ?? '';
  if (status !== 0)
    throw new SetupFailure(
      `expected ${compiler} to preprocess an empty file but it failed: ${output.trim()}`,
      compilerRemedy,
    );
  const compilerVersion = ['__GNUC__', '__GNUC_MINOR__', '__GNUC_PATCHLEVEL__'].map(macro).join('.');
  if (/#define __clang__ /.test(output))
    throw new SetupFailure(`expected g++ ${OLDEST_GCC} or newer but ${compiler} is clang`, compilerRemedy);
  if (Number(macro('__GNUC__')) < OLDEST_GCC)
    throw new SetupFailure(
      `expected g++ ${OLDEST_GCC} or newer for C++20 but ${compiler} is ${compilerVersion}`,
      compilerRemedy,
    );

  const cmake = findProgram('cmake');
  const cmakeRemedy = `Install CMake ${OLDEST_CMAKE.join('.')} or newer; without root: pip install --user cmake.`;
  if (!cmake) throw new SetupFailure('expected cmake on PATH but found none', cmakeRemedy);
  const cmakeVersion = /version (\d+\.\d+\.\d+)/.exec((await run(cmake, ['--version'])).stdout)?.[1] ?? 'unknown';
  const [major = 0, minor = 0] = cmakeVersion.split('.').map(Number);
  if (major < (OLDEST_CMAKE[0] ?? 0) || (major === OLDEST_CMAKE[0] && minor < (OLDEST_CMAKE[1] ?? 0)))
    throw new SetupFailure(
      `expected CMake ${OLDEST_CMAKE.join('.')} or newer but ${cmake} is ${cmakeVersion}`,
      cmakeRemedy,
    );

  const maker = findProgram('ninja', 'make');
  if (!maker)
    throw new SetupFailure(
      'expected ninja or make on PATH but found neither',
      'Install one of them; without root: pip install --user ninja.',
    );
  return { compiler, compilerVersion, cmake, cmakeVersion, maker };
}

/** How many files are compiled at once: as many as there are cores, bounded by memory. */
export function parallelJobs(cores = availableParallelism(), memory = availableMemory()) {
  return Math.max(1, Math.min(cores, Math.floor(memory / BYTES_PER_JOB)));
}

/** Bytes that new processes may take, within the limit of the container where there is one. */
export function availableMemory() {
  const limit = process.constrainedMemory();
  let available = freemem();
  try {
    // MemFree leaves out the file cache, which gives way; MemAvailable counts it.
    available = Number(/MemAvailable:\s+(\d+) kB/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024 || available;
  } catch {
    // not Linux
  }
  return limit && limit < available ? limit : available;
}

/** The -march of the addon: AVX2's level, except on a CPU that lacks it. @param {string} [cpuinfo] */
export function architecture(cpuinfo = readCpuinfo()) {
  const given = process.env['GADOLINIUM_ARCH'];
  if (given) return given;
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return ['avx2', 'fma', 'bmi1', 'bmi2', 'f16c', 'movbe', 'abm'].every((flag) => flags.has(flag))
    ? 'x86-64-v3'
    : 'x86-64';
}

function readCpuinfo() {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}
