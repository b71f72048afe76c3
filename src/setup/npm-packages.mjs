// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { findProgram, lastLines, run } from './program.mjs';
import { begin, say } from './progress.mjs';

/**
 * Whether node_modules holds what package-lock.json says. Compared with the record that npm leaves in node_modules as
 * its last act, so an interrupted installation counts as none.
 * @param {string} root
 */
export function npmPackagesAreInstalled(root) {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const present = JSON.parse(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8')).packages;
    const declared = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    return (
      Object.keys({ ...declared.dependencies, ...declared.devDependencies }).every(
        (name) => `node_modules/${name}` in present,
      ) &&
      Object.entries(wanted).every(
        ([path, entry]) => path === '' || (path in present ? present[path].version === entry.version : entry.optional),
      )
    );
  } catch {
    return false;
  }
}

/** Installs the npm packages of the lock file where they are missing. @param {string} root */
export async function installNpmPackages(root) {
  if (npmPackagesAreInstalled(root)) return;
  const npm = findProgram('npm');
  if (!npm)
    throw new SetupFailure(
      'expected npm on PATH but found none',
      'Install Node.js 20.19 or newer together with npm, and run the same command again.',
    );
  const step = begin('npm packages');
  // Development packages too, also where NODE_ENV says production: the compiler of src/ is one of them.
  const flags = ['--no-audit', '--no-fund', '--include=dev', '--include=optional'];
  let result = await run(npm, ['ci', ...flags], { cwd: root });
  if (result.status !== 0 && /can only install packages when your package\.json and/.test(result.output)) {
    step.failed();
    say('package-lock.json does not cover package.json; running npm install, which leaves the lock file as it is');
    result = await run(npm, ['install', '--no-save', ...flags], { cwd: root });
  }
  if (result.status !== 0) {
    step.failed();
    throw npmFailure(result.output);
  }
  step.done('installed');
}

/** @param {string} output npm's own words @returns {SetupFailure} */
export function npmFailure(output) {
  if (/ENOSPC/.test(output))
    return new SetupFailure(
      'expected room on the disk for the npm packages (0.4 GB) but got none',
      'Free some space and run the same command again.',
    );
  if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET|ENETUNREACH|network/i.test(output))
    return new SetupFailure(
      'expected the npm registry to answer but got no connection',
      'Check the network, the proxy (npm config get proxy) and the registry (npm config get registry), and run the same command again.',
    );
  return new SetupFailure(
    `expected \`npm ci\` to succeed but it failed:\n${lastLines(output, 15)}`,
    'Mend what npm names, and run the same command again.',
  );
}
