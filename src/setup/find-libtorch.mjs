// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SUPPORTED } from './libtorch-release.mjs';
import { findProgram, run } from './program.mjs';

/**
 * @typedef {object} Libtorch
 * @property {string} folder holds include/ and lib/
 * @property {string} version e.g. `2.13.0`
 * @property {boolean} cuda
 */

/**
 * What libtorch a folder holds, by its files; nothing is loaded.
 * @param {string} folder of libtorch, or the one that `torch/` lies in
 * @returns {Libtorch | undefined}
 */
export function libtorchIn(folder) {
  for (const place of [resolve(folder), resolve(folder, 'torch')]) {
    if (!existsSync(join(place, 'lib/libtorch_cpu.so')) || !existsSync(join(place, 'include/ATen/ATen.h'))) continue;
    for (const header of ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h']) {
      const path = join(place, 'include', header);
      if (!existsSync(path)) continue;
      const text = readFileSync(path, 'utf8');
      const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
        (part) => new RegExp(`define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
      );
      if (parts.every((part) => part !== undefined))
        return { folder: place, version: parts.join('.'), cuda: existsSync(join(place, 'lib/libtorch_cuda.so')) };
    }
  }
  return undefined;
}

/** @param {string} version */
export function isSupported(version) {
  const number = (/** @type {string} */ text) => {
    const [major = 0, minor = 0] = text.split('.').map(Number);
    return major * 1000 + minor;
  };
  return number(version) >= number(SUPPORTED.from) && number(version) < number(SUPPORTED.below);
}

/**
 * The torch package of the active Python. Its place is asked for; the package itself is not imported.
 * @returns {Promise<Libtorch | undefined>}
 */
export async function libtorchOfPython() {
  const python = findProgram('python3', 'python');
  if (!python) return undefined;
  const ask =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s and s.submodule_search_locations else '')";
  const { status, stdout } = await run(python, ['-c', ask]);
  const folder = stdout.trim();
  return status === 0 && folder ? libtorchIn(folder) : undefined;
}
