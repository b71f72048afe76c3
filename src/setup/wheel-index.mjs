// @ts-check
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { download, get } from './download.mjs';
import { SetupFailure } from './failure.mjs';
import { MACHINE, PYTHON } from './libtorch-release.mjs';

/**
 * Fetches the CPU wheel from PyTorch's own index, without Python.
 * @param {string} version
 * @param {string} folder
 * @param {string} index address of the page that lists the wheels
 * @returns {Promise<string>} the wheel
 */
export async function fetchFromIndex(version, folder, index) {
  const response = await get(index);
  const page = response.ok ? await response.text() : '';
  const python = `cp${PYTHON.replace('.', '')}`;
  const name = new RegExp(
    `torch-${version.replaceAll('.', '\\.')}(?:%2B|\\+)cpu-${python}-${python}-[^"#]*${MACHINE}\\.whl`,
    'i',
  );
  for (const [, href = ''] of page.matchAll(/href="([^"]+)"/g)) {
    const [, sha256] = /#sha256=([0-9a-f]{64})/.exec(href) ?? [];
    if (!name.test(href) || !sha256) continue;
    const url = new URL(href, index);
    url.hash = '';
    mkdirSync(folder, { recursive: true });
    const wheel = join(folder, decodeURIComponent(url.pathname.split('/').pop() ?? 'torch.whl'));
    await download(url.href, wheel, sha256, `libtorch ${version}`);
    return wheel;
  }
  throw new SetupFailure(
    `expected a wheel of torch ${version} for the CPU at ${index} but got ${response.ok ? 'none in the list' : `HTTP status ${response.status}`}`,
    'Try again later.',
  );
}
