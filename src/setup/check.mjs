// @ts-check
// What must hold before a commit: types, lint and format of both languages, import directions, the generated face fresh.
//
//   node src/setup/check.mjs [--fix]     --fix formats instead of checking
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { whenStarted } from './command.mjs';
import { root } from './places.mjs';
import { run } from './program.mjs';
import { begin, say } from './progress.mjs';
import { setUp } from './setup.mjs';

/** @param {string} folder @returns {string[]} C++ files below it */
const nativeFiles = (folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.(cpp|h|cu|cuh)$/.test(name))
        .map((name) => join(folder, name))
        .sort()
    : [];

/** @param {string} path @param {string[]} args */
const tool = (path, ...args) => run(process.execPath, [join(root, 'node_modules', path), ...args], { cwd: root });
const biome = (/** @type {string[]} */ ...args) => tool('@biomejs/biome/bin/biome', ...args);
const clangFormat = (/** @type {string[]} */ ...args) =>
  tool('clang-format/index.js', ...args, '--style=file', ...nativeFiles('native'), ...nativeFiles('test/native'));

/** The generated face must be what the addon would generate now. */
async function generatedFaceIsFresh() {
  const generator = join(root, 'dist/src/native/generate.js');
  const face = join(root, 'src/native/generated.ts');
  if (!existsSync(generator)) return { status: 1, output: `expected ${generator} but found none` };
  const committed = existsSync(face) ? readFileSync(face, 'utf8') : '';
  const { status, output } = await run(process.execPath, [generator], { cwd: root });
  if (status !== 0) return { status, output };
  if (readFileSync(face, 'utf8') === committed) return { status: 0, output: '' };
  writeFileSync(face, committed);
  return {
    status: 1,
    output: 'src/native/generated.ts is not what the addon describes: run `npm run generate` and commit the file',
  };
}

/** @type {Record<string, () => Promise<{ status: number, output: string }>>} */
const CHECKS = {
  'types of src and datasets': () => tool('typescript/bin/tsc', '--noEmit'),
  'types of test': () => tool('typescript/bin/tsc', '-p', 'test'),
  'lint and format of TypeScript': () => biome('check', '--error-on-warnings', '.'),
  'format of C++': () => clangFormat('--dry-run', '--Werror'),
  'import directions': () => tool('vitest/vitest.mjs', 'run', 'test/unit/imports.test.ts'),
  'generated face': generatedFaceIsFresh,
};

await whenStarted(import.meta, async (args) => {
  await setUp([]);
  if (args.includes('--fix')) {
    const results = [await biome('check', '--write', '.'), await clangFormat('-i')];
    for (const { status, output } of results) if (status !== 0) say(output.trimEnd());
    return results.some(({ status }) => status !== 0) ? 1 : 0;
  }
  const failed = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const step = begin(name);
    const { status, output } = await check();
    if (status !== 0) {
      failed.push(name);
      step.failed();
      say(`${output.trimEnd()}\n${name}: FAILED`);
    } else step.done('right');
  }
  say(failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`);
  return failed.length === 0 ? 0 : 1;
});
