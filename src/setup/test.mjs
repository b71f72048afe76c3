// @ts-check
// All tests that need no card: the C++ program, then vitest. The last line is the sum, alone: `N passed, N failed`.
//
//   node src/setup/test.mjs [--native] [--build debug|asan|tsan] [file or name …]
//     --native  the C++ program alone     --build  which build of it (a sanitizer's runs the C++ program alone)
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative } from './addon.mjs';
import { whenStarted } from './command.mjs';
import { installNpmPackages } from './npm-packages.mjs';
import { root } from './places.mjs';
import { run, show } from './program.mjs';
import { setUp } from './setup.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/**
 * No suppressions: libtorch gives no findings of its own, as its libraries are not instrumented.
 * @type {Record<string, Record<string, string>>}
 */
const SANITIZER_ENVIRONMENT = {
  asan: {
    ASAN_OPTIONS: 'detect_leaks=1:strict_init_order=1:halt_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  },
  tsan: {
    TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:halt_on_error=0:exitcode=66',
    // OpenMP's barriers are not instrumented and would make every parallel loop look like a race. Threads of our own are. The
    // limit also holds where a test asks for several.
    OMP_NUM_THREADS: '1',
    OMP_THREAD_LIMIT: '1',
  },
};

/**
 * Runs the C++ test program.
 * @param {string} build
 * @param {string[]} filter
 * @returns {Promise<Counts>}
 */
async function nativeTests(build, filter) {
  const program = join(root, 'build', build, 'native_tests');
  const { status, output } = await run(program, filter, {
    cwd: root,
    // As the addon sets it for itself: threads that wait in a loop are in the way of ranks that share the cores.
    env: { GOMP_SPINCOUNT: '1000', ...SANITIZER_ENVIRONMENT[build] },
    onLine: (line) => process.stdout.write(`${line}\n`),
  });
  const counts = readCounts(output);
  // A crash, or a sanitizer's finding, ends the program without a failed test.
  if (status !== 0 && counts.failed === 0) {
    process.stdout.write(`${program} ended with status ${status}\n`);
    counts.failed = 1;
  }
  return counts;
}

/** @param {string} output of the C++ program @returns {Counts} */
export function readCounts(output) {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].pop();
  return { passed: Number(last?.[1] ?? 0), failed: Number(last?.[2] ?? 0), skipped: Number(last?.[3] ?? 0) };
}

/** @param {string} build @param {string[]} filter @returns {Promise<Counts>} */
async function vitest(build, filter) {
  const report = join(root, 'build/vitest.json');
  rmSync(report, { force: true });
  const status = await show(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...filter,
    ],
    // Where a CUDA build is here too, the tests still mean the one that was just built.
    { cwd: root, env: { GADOLINIUM_BUILD: build } },
  );
  const counts = countVitest(readReport(report));
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

/**
 * @param {{ numPassedTests?: number, numFailedTests?: number, numPendingTests?: number, numTodoTests?: number,
 *   testResults?: { status: string, assertionResults: unknown[] }[] }} report
 * @returns {Counts}
 */
export function countVitest(report) {
  // A file that could not be loaded has failed, although none of its tests could be counted.
  const broken = (report.testResults ?? []).filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return {
    passed: report.numPassedTests ?? 0,
    failed: (report.numFailedTests ?? 0) + broken.length,
    skipped: (report.numPendingTests ?? 0) + (report.numTodoTests ?? 0),
  };
}

await whenStarted(import.meta, async (args) => {
  const { values, positionals } = parseArgs({
    args,
    options: { native: { type: 'boolean' }, build: { type: 'string', default: 'release' } },
    allowPositionals: true,
  });
  const build = values.build;
  const nativeOnly = values.native || build in SANITIZER_ENVIRONMENT;
  if (nativeOnly) {
    await installNpmPackages(root);
    await buildNative(root, build, 'tests');
  } else await setUp(['--build', build, '--tests']);
  // A filter is for one of the two; names of vitest files say nothing to the C++ program.
  /** @type {Counts[]} */
  const parts = [];
  if (nativeOnly || positionals.length === 0) parts.push(await nativeTests(build, positionals));
  if (!nativeOnly) parts.push(await vitest(build, positionals));
  const sum = (/** @type {keyof Counts} */ key) => parts.reduce((total, counts) => total + counts[key], 0);
  process.stdout.write(
    `\n${sum('skipped') > 0 ? `${sum('skipped')} skipped, each named above\n` : ''}${sum('passed')} passed, ${sum('failed')} failed\n`,
  );
  return sum('failed') === 0 ? 0 : 1;
});
