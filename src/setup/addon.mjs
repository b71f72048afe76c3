// @ts-check
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { architecture, findBuildTools, parallelJobs } from './build-tools.mjs';
import { SetupFailure } from './failure.mjs';
import { libtorchIn } from './find-libtorch.mjs';
import { fingerprint, readStamp, writeStamp } from './fingerprint.mjs';
import { provideLibtorch } from './libtorch.mjs';
import { lastLines, run } from './program.mjs';
import { begin, say } from './progress.mjs';

/**
 * The builds, each in a folder of its own.
 * @type {Record<string, { debug?: boolean, cuda?: boolean, options?: Record<string, string> }>}
 */
export const BUILDS = {
  release: {},
  debug: { debug: true },
  asan: { options: { GADOLINIUM_SANITIZE: 'address' } },
  tsan: { options: { GADOLINIUM_SANITIZE: 'thread' } },
  cuda: { cuda: true, options: { GADOLINIUM_CUDA: 'ON' } },
};

const PRODUCTS = { addon: 'gadolinium.node', tests: 'native_tests' };
const SOURCES = ['CMakeLists.txt', 'native'];
const isSource = (/** @type {string} */ name) => /\.(cpp|h|cu|cuh|cmake|txt)$/.test(name);

/**
 * Builds the addon, or the C++ test program, where its sources, options or libraries changed since it was built.
 * @param {string} root
 * @param {string} build a name in BUILDS
 * @param {'addon' | 'tests'} [what]
 * @returns {Promise<string>} the product
 */
export async function buildNative(root, build, what = 'addon') {
  const { debug = false, cuda = false, options = {} } = BUILDS[build] ?? {};
  const folder = join(root, 'build', build);
  const product = join(folder, PRODUCTS[what]);
  const stampFile = join(folder, `${what}.stamp`);
  const state = (/** @type {string} */ libtorch) =>
    fingerprint(root, what === 'tests' ? [...SOURCES, 'test/native'] : SOURCES, isSource, {
      libtorch,
      architecture: architecture(),
      given: process.env['GADOLINIUM_LIBTORCH'] ?? '',
      lock: fingerprint(root, ['package-lock.json']),
    });
  // The stamp names the libtorch that was linked, so that nothing has to be looked for when it still stands there.
  const [stamp = '', linked = ''] = readStamp(stampFile).split('\n');
  if (existsSync(product) && linked && libtorchIn(linked) && stamp === state(linked)) return product;

  const libtorch = await provideLibtorch(cuda);
  const origin = 'origin' in libtorch ? `, found in ${libtorch.origin}` : '';
  say(`libtorch ${libtorch.version} for ${libtorch.cuda ? 'CUDA' : 'the CPU'}${origin}: ${libtorch.folder}`);
  const before = state(libtorch.folder);
  const tools = await findBuildTools();
  forgetForeignConfiguration(folder, root);
  const cmakeOptions = { GADOLINIUM_LIBTORCH: libtorch.folder, GADOLINIUM_ARCH: architecture(), ...options };
  const cmakeJs = (/** @type {string} */ command, /** @type {string[]} */ ...more) => [
    join(root, 'node_modules/cmake-js/bin/cmake-js'),
    command,
    ...['--directory', root, '--out', folder, '--cmake-path', tools.cmake],
    ...(debug ? ['--debug'] : []),
    ...Object.entries(cmakeOptions).map(([name, value]) => `--CD${name}=${value}`),
    ...more,
  ];

  const name = what === 'tests' ? 'compiling the C++ tests' : 'compiling the addon';
  const step = begin(`${name} (build/${build}, g++ ${tools.compilerVersion})`, { unit: 'files' });
  let log = '';
  // configure also when a configuration is there: build alone would go on with the options of last time.
  for (const args of [
    cmakeJs('configure'),
    cmakeJs('build', '--parallel', String(parallelJobs()), '--target', what === 'tests' ? 'native_tests' : 'all'),
  ]) {
    const { status, output } = await run(process.execPath, args, {
      cwd: root,
      onLine: (line) => {
        const ninja = /^\[(\d+)\/(\d+)\]/.exec(line);
        if (ninja) step.update(Number(ninja[1]), Number(ninja[2]));
        else if (/^\[ *\d+%\] Building/.test(line)) step.update(log.match(/^\[ *\d+%\] Building/gm)?.length ?? 0);
        log += `${line}\n`;
      },
    });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'build.log'), log);
    if (status !== 0) {
      step.failed();
      throw buildFailure(output, join(folder, 'build.log'));
    }
  }
  if (!existsSync(product)) {
    step.failed();
    throw new SetupFailure(`expected the build to make ${product} but it made none`, 'Read build.log beside it.');
  }
  writeStamp(stampFile, `${before}\n${libtorch.folder}\n`);
  step.done(PRODUCTS[what]);
  return product;
}

/**
 * A configuration that was made for another place of the checkout, or with a generator that is gone, is of no use.
 * @param {string} folder
 * @param {string} root
 */
function forgetForeignConfiguration(folder, root) {
  const cache = join(folder, 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const text = readFileSync(cache, 'utf8');
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(text)?.[1];
  const maker = /^CMAKE_MAKE_PROGRAM:[A-Z]+=(.*)$/m.exec(text)?.[1];
  if (home !== root || (maker && !existsSync(maker))) rmSync(folder, { recursive: true, force: true });
}

/** @param {string} output @param {string} log @returns {SetupFailure} */
export function buildFailure(output, log) {
  if (/No space left on device/.test(output))
    return new SetupFailure(
      'expected room on the disk for the build (1 GB) but got none',
      'Free some space and run the same command again.',
    );
  if (/Killed signal terminated program|fatal error: Killed|out of memory/i.test(output))
    return new SetupFailure(
      'expected enough memory for the compiler but the system killed it',
      'Close other programs, or ask for more memory (1.5 GB for each compiler at once), and run the same command again.',
    );
  const lines = output.replace(/^ERROR OMG .*$/gm, '').split('\n');
  const first = lines.findIndex((line) => /^FAILED:|error:|CMake Error/.test(line));
  const shown = first < 0 ? lastLines(output, 20) : lines.slice(first, first + 25).join('\n');
  return new SetupFailure(
    `expected the native sources to build but they did not:\n${shown}`,
    `The whole output is in ${log}.`,
  );
}
