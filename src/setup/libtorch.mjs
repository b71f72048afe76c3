// @ts-check
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { whileLocked } from './cache-lock.mjs';
import { expectFreeSpace } from './disk-space.mjs';
import { SetupFailure } from './failure.mjs';
import { isSupported, libtorchIn, libtorchOfPython } from './find-libtorch.mjs';
import { readStamp } from './fingerprint.mjs';
import {
  CPU_VERSION,
  CPU_WHEEL_INDEX,
  CUDA_NAME,
  CUDA_VERSION,
  CUDA_WHEELS,
  DISK_SPACE,
  isWanted,
  SUPPORTED,
} from './libtorch-release.mjs';
import { askPip, fetchWithPip, findPip } from './pip.mjs';
import { cacheFolder, root } from './places.mjs';
import { begin, say, size } from './progress.mjs';
import { unpackWheel } from './unpack-wheel.mjs';
import { fetchFromIndex } from './wheel-index.mjs';

/** @typedef {import('./find-libtorch.mjs').Libtorch} Libtorch */

const RANGE = `${SUPPORTED.from} up to, without, ${SUPPORTED.below}`;

/**
 * Finds libtorch, in this order: the variable GADOLINIUM_LIBTORCH, the cache, the active Python's torch.
 * @param {boolean} cuda
 * @returns {Promise<(Libtorch & { origin: string }) | undefined>}
 */
export async function findLibtorch(cuda) {
  const given = process.env['GADOLINIUM_LIBTORCH'];
  if (given) {
    const found = libtorchIn(given);
    const remedy = 'Let the variable name the folder that holds include/ and lib/ of libtorch, or unset it.';
    if (!found)
      throw new SetupFailure(
        `expected include/ and lib/ of libtorch for GADOLINIUM_LIBTORCH but got "${given}"`,
        remedy,
      );
    if (!isSupported(found.version))
      throw new SetupFailure(
        `expected libtorch ${RANGE} for GADOLINIUM_LIBTORCH but got ${found.version} in ${found.folder}`,
        remedy,
      );
    if (cuda && !found.cuda)
      throw new SetupFailure(
        `expected a CUDA build of libtorch for GADOLINIUM_LIBTORCH but got a CPU build in ${found.folder}`,
        remedy,
      );
    return { ...found, origin: 'the variable GADOLINIUM_LIBTORCH' };
  }
  const cached = libtorchIn(cachePlace(cuda)) ?? otherCached(cuda);
  if (cached) return { ...cached, origin: 'the cache' };
  const python = await libtorchOfPython();
  if (python && python.cuda === cuda && isSupported(python.version)) return { ...python, origin: 'the active Python' };
  return undefined;
}

/**
 * The libtorch that a build was linked with, where it still stands.
 * @param {string} build
 * @returns {Libtorch | undefined}
 */
export function linkedLibtorch(build) {
  const [, folder] = readStamp(join(root, 'build', build, 'addon.stamp')).split('\n');
  return folder ? libtorchIn(folder) : undefined;
}

/** @param {boolean} cuda @returns {string} */
export function cachePlace(cuda) {
  return join(cacheFolder(), cuda ? `libtorch-${CUDA_VERSION}-${CUDA_NAME}` : `libtorch-${CPU_VERSION}-cpu`);
}

/** A supported libtorch of another version that lies in the cache. @param {boolean} cuda @returns {Libtorch | undefined} */
function otherCached(cuda) {
  if (!existsSync(cacheFolder())) return undefined;
  return readdirSync(cacheFolder())
    .filter((name) => /^libtorch-[\d.]+-(cpu|cu\d+)$/.test(name))
    .sort()
    .reverse()
    .map((name) => libtorchIn(join(cacheFolder(), name)))
    .find((found) => found && found.cuda === cuda && isSupported(found.version));
}

/**
 * Finds libtorch, or fetches it into the cache.
 * @param {boolean} cuda
 * @param {string} [index] the page that lists PyTorch's CPU wheels
 * @returns {Promise<Libtorch>}
 */
export async function provideLibtorch(cuda, index = CPU_WHEEL_INDEX) {
  const found = await findLibtorch(cuda);
  if (found) return found;
  const place = cachePlace(cuda);
  return whileLocked(place, async () => {
    const meanwhile = libtorchIn(place);
    if (meanwhile) return meanwhile;
    expectFreeSpace(cacheFolder(), cuda ? DISK_SPACE.cuda : DISK_SPACE.cpu, 'libtorch');
    const unfinished = `${place}.unfinished`;
    // Only a partly fetched wheel is worth keeping from a run that was interrupted.
    for (const leftover of ['content', 'pip', 'ask', 'wheels'])
      rmSync(join(unfinished, leftover), { recursive: true, force: true });
    const wheels = cuda ? await cudaWheels(unfinished) : [await cpuWheel(unfinished, index)];
    try {
      await unpackAll(wheels, join(unfinished, 'content'));
    } catch (error) {
      // A damaged wheel must not be met again. Those outside the cache belong to the user.
      for (const wheel of wheels) if (wheel.startsWith(unfinished)) rmSync(wheel, { force: true });
      throw error;
    }
    const unpacked = libtorchIn(join(unfinished, 'content'));
    if (!unpacked || unpacked.cuda !== cuda)
      throw new SetupFailure(
        `expected libtorch for ${cuda ? 'CUDA' : 'the CPU'} in ${wheels[0]} but got ${unpacked ? 'the other kind' : 'none'}`,
        manualWay(cuda),
      );
    // What stood at the place is no libtorch, else it would have been found. The rename makes the new one appear whole.
    rmSync(place, { recursive: true, force: true });
    renameSync(join(unfinished, 'content'), place);
    rmSync(unfinished, { recursive: true, force: true });
    const { folder, version } = /** @type {Libtorch} */ (libtorchIn(place));
    return { folder, version, cuda };
  });
}

/** @param {string} unfinished @param {string} index @returns {Promise<string>} */
async function cpuWheel(unfinished, index) {
  const requirements = [`torch==${CPU_VERSION}`];
  say(`libtorch ${CPU_VERSION} for the CPU is not here yet; asking pip for it (0.2 GB, 0.5 GB unpacked)`);
  const reasons = [];
  const pip = await findPip();
  if (pip) {
    const answer = await askPip(pip, requirements, join(unfinished, 'ask'));
    if ('problem' in answer) reasons.push(answer.problem);
    else if (answer.offers.some((offer) => offer.cuda)) reasons.push('pip offers the CUDA build alone');
    else {
      const fetched = await fetchWithPip(pip, answer.offers, requirements, unfinished);
      if ('wheels' in fetched && fetched.wheels[0]) return fetched.wheels[0];
      if ('problem' in fetched) reasons.push(fetched.problem);
    }
  } else reasons.push('no pip was found');
  say(`${reasons[0]}; asking PyTorch's own index`);
  try {
    return await fetchFromIndex(CPU_VERSION, unfinished, index);
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    throw new SetupFailure(
      `expected libtorch ${CPU_VERSION} from pip or from PyTorch's index but got neither: ${reasons.join('; ')}; ${error.message}`,
      manualWay(false),
    );
  }
}

/** @param {string} unfinished @returns {Promise<string[]>} */
async function cudaWheels(unfinished) {
  say(
    `libtorch ${CUDA_VERSION} for CUDA 13 is not here yet; asking pip for it and NVIDIA's libraries (2.5 GB, 4.4 GB unpacked)`,
  );
  const pip = await findPip();
  if (!pip)
    throw new SetupFailure(
      'expected pip for the CUDA build of libtorch but found none',
      `Install python3 with pip. ${manualWay(true)}`,
    );
  const answer = await askPip(pip, CUDA_WHEELS, join(unfinished, 'ask'));
  const fetched = 'problem' in answer ? answer : await fetchWithPip(pip, answer.offers, CUDA_WHEELS, unfinished);
  if ('problem' in fetched)
    throw new SetupFailure(
      `expected libtorch ${CUDA_VERSION} and NVIDIA's libraries from pip but got none: ${fetched.problem}`,
      manualWay(true),
    );
  return fetched.wheels;
}

/** @param {string[]} wheels @param {string} folder */
async function unpackAll(wheels, folder) {
  const step = begin('unpacking libtorch', { unit: 'bytes' });
  let before = 0;
  let files = 0;
  try {
    for (const wheel of wheels) {
      const unpacked = await unpackWheel(wheel, folder, isWanted, (bytes, total) =>
        wheels.length === 1 ? step.update(bytes, total) : step.update(before + bytes),
      );
      before += unpacked.bytes;
      files += unpacked.files;
    }
  } catch (error) {
    step.failed();
    throw error;
  }
  step.done(`${files} files, ${size(before)}, checksums right`);
}

/** @param {boolean} cuda @returns {string} */
function manualWay(cuda) {
  const version = cuda ? CUDA_VERSION : CPU_VERSION;
  return cuda
    ? `By hand: install torch ${version} for CUDA 13 into a Python environment on a machine with a network (pip install torch==${version}), bring the environment here, and let the variable GADOLINIUM_LIBTORCH name its torch folder.`
    : `By hand: fetch a torch ${version} CPU wheel on a machine with a network (pip download torch==${version} --no-deps --index-url of PyTorch's CPU wheels), unpack it here (a wheel is a zip file), and let the variable GADOLINIUM_LIBTORCH name the folder torch in it.`;
}
