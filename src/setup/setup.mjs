// @ts-check
// Makes a fresh clone usable: npm packages, libtorch, the addon, compiled TypeScript. Plain JavaScript without any package,
// because it runs before there are any. What is done already is not done again.
//
//   node src/setup/setup.mjs [--cuda] [--build release|debug|asan|tsan|cuda]… [--tests]
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BUILDS, buildNative } from './addon.mjs';
import { whenStarted } from './command.mjs';
import { SetupFailure } from './failure.mjs';
import { installNpmPackages, npmPackagesAreInstalled } from './npm-packages.mjs';
import { root } from './places.mjs';
import { say } from './progress.mjs';
import { compileTypeScript } from './typescript.mjs';

const OLDEST_NODE = [20, 19];
const remedyForUse = 'Use: node src/setup/setup.mjs [--cuda] [--build release|debug|asan|tsan|cuda]… [--tests]';

/**
 * @param {string[]} args
 * @returns {{ builds: string[], tests: boolean }}
 */
function readArguments(args) {
  try {
    const { values } = parseArgs({
      args,
      options: { cuda: { type: 'boolean' }, build: { type: 'string', multiple: true }, tests: { type: 'boolean' } },
    });
    // A CUDA build that is here is what commands load: it must not fall behind the sources.
    const hasCuda = existsSync(join(root, 'build/cuda/gadolinium.node'));
    const builds = values.build ?? (values.cuda ? ['cuda'] : hasCuda ? ['release', 'cuda'] : ['release']);
    const unknown = builds.find((name) => !(name in BUILDS));
    if (unknown)
      throw new SetupFailure(
        `expected one of ${Object.keys(BUILDS).join(', ')} for --build but got "${unknown}"`,
        remedyForUse,
      );
    return { builds, tests: values.tests ?? false };
  } catch (error) {
    if (error instanceof SetupFailure) throw error;
    throw new SetupFailure(/** @type {Error} */ (error).message, remedyForUse);
  }
}

/** @param {string[]} args */
export async function setUp(args) {
  const { builds, tests } = readArguments(args);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < (OLDEST_NODE[0] ?? 0) || (major === OLDEST_NODE[0] && minor < (OLDEST_NODE[1] ?? 0)))
    throw new SetupFailure(
      `expected Node.js ${OLDEST_NODE.join('.')} or newer but got ${process.versions.node}`,
      'Install a newer Node.js.',
    );
  if (process.platform !== 'linux')
    throw new SetupFailure(`expected Linux but got ${process.platform}`, 'Use a Linux machine or container.');
  if (!npmPackagesAreInstalled(root)) await installNpmPackages(root);
  for (const build of builds) {
    // The sanitizers are for the program without Node.
    if (build !== 'asan' && build !== 'tsan') await buildNative(root, build, 'addon');
    if (tests || build === 'asan' || build === 'tsan') await buildNative(root, build, 'tests');
  }
  await compileTypeScript(root);
  if (
    !builds.includes('cuda') &&
    existsSync('/proc/driver/nvidia/version') &&
    !existsSync(join(root, 'build/cuda/gadolinium.node'))
  )
    say('an NVIDIA card is here; `npm run build:cuda` makes the build that uses it (4.4 GB of libraries, once)');
}

await whenStarted(import.meta, setUp);
