// @ts-check
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MACHINE, PYTHON } from './libtorch-release.mjs';
import { findProgram, lastLines, run } from './program.mjs';
import { begin } from './progress.mjs';

/** @typedef {{ name: string, url: string, sha256: string | undefined, cuda: boolean }} Offer */

/** Which wheels fit, named one by one: older pips do not derive the older tags from the newest. */
const PLATFORMS = ['_2_28', '_2_27', '_2_25', '_2_18', '_2_17', '2014', '_2_12', '2010', '_2_5', '1'].flatMap((tag) => [
  '--platform',
  `manylinux${tag}_${MACHINE}`,
]);
const WHEEL_FLAGS = ['--no-deps', '--only-binary=:all:', '--python-version', PYTHON, ...PLATFORMS];
const QUIET = ['--disable-pip-version-check', '--no-input', '--retries', '1'];

/** @returns {Promise<string[] | undefined>} the command that starts pip */
export async function findPip() {
  const python = findProgram('python3', 'python');
  if (python && (await run(python, ['-m', 'pip', '--version'])).status === 0) return [python, '-m', 'pip'];
  const pip = findProgram('pip3', 'pip');
  return pip ? [pip] : undefined;
}

/**
 * What pip, as the machine has it set up, would fetch. Nothing is fetched but descriptions.
 * @param {string[]} pip
 * @param {string[]} requirements
 * @param {string} scratch an empty folder
 * @returns {Promise<{ offers: Offer[] } | { problem: string }>}
 */
export async function askPip(pip, requirements, scratch) {
  const report = join(scratch, 'report.json');
  mkdirSync(scratch, { recursive: true });
  const [command = 'pip', ...first] = pip;
  const flags = ['--dry-run', '--ignore-installed', '--target', join(scratch, 'none'), '--report', report];
  const { status, output } = await run(command, [
    ...first,
    'install',
    ...QUIET,
    ...flags,
    ...WHEEL_FLAGS,
    ...requirements,
  ]);
  if (status !== 0) return { problem: pipProblem(output) };
  const { install } = JSON.parse(readFileSync(report, 'utf8'));
  return {
    offers: install.map((/** @type {any} */ item) => ({
      name: `${item.metadata.name} ${item.metadata.version}`,
      url: item.download_info.url,
      sha256: item.download_info.archive_info?.hashes?.sha256,
      cuda: (item.metadata.requires_dist ?? []).some((/** @type {string} */ need) =>
        /^(nvidia-|cuda-|triton)/.test(need),
      ),
    })),
  };
}

/**
 * Brings the wheels to this machine: those on its own disk are used where they lie, others pip fetches.
 * @param {string[]} pip
 * @param {Offer[]} offers
 * @param {string[]} requirements
 * @param {string} folder
 * @returns {Promise<{ wheels: string[] } | { problem: string }>}
 */
export async function fetchWithPip(pip, offers, requirements, folder) {
  if (offers.every((offer) => offer.url.startsWith('file:')))
    return { wheels: offers.map((offer) => fileURLToPath(offer.url)) };
  const wheels = join(folder, 'wheels');
  const scratch = join(folder, 'pip');
  mkdirSync(scratch, { recursive: true });
  const step = begin(`pip fetches ${offers.map((offer) => offer.name).join(', ')}`, { unit: 'bytes' });
  // pip says nothing of its progress to a program: what it has is the size of what it has written.
  const watch = setInterval(() => step.update(sizeOf(folder)), 500);
  const [command = 'pip', ...first] = pip;
  const { status, output } = await run(
    command,
    [...first, 'download', ...QUIET, '--no-cache-dir', '--dest', wheels, ...WHEEL_FLAGS, ...requirements],
    { env: { TMPDIR: scratch } },
  );
  clearInterval(watch);
  rmSync(scratch, { recursive: true, force: true });
  if (status !== 0) {
    step.failed();
    return { problem: pipProblem(output) };
  }
  step.done(`fetched`);
  return { wheels: readdirSync(wheels).map((name) => join(wheels, name)) };
}

/** @param {string} output pip's own words @returns {string} why it gave nothing, in few words */
export function pipProblem(output) {
  if (/no such option: --(report|dry-run)/.test(output)) return 'pip is older than 22.2';
  if (/No space left on device|ENOSPC/.test(output)) return 'the disk is full';
  if (/HASHES|do not match the hash/i.test(output)) return 'the checksum of what it fetched is wrong';
  if (/No module named pip/.test(output)) return 'this Python has no pip';
  if (/NewConnectionError|ConnectTimeout|ProxyError|Network is unreachable|Name or service not known/.test(output))
    return 'no index that pip knows can be reached, and no folder that it knows has the wheel';
  if (/No matching distribution|Could not find a version/.test(output)) return 'no index that pip knows has the wheel';
  return `pip failed: ${lastLines(output, 1)}`;
}

/** @param {string} folder @returns {number} bytes */
function sizeOf(folder) {
  let sum = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true }))
      if (entry.isFile())
        sum += statSync(join(entry.parentPath ?? entry.path, entry.name), { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    // pip removes its folders while they are read
  }
  return sum;
}
