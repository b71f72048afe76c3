// @ts-check
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupFailure } from './failure.mjs';
import { fingerprint, readStamp, writeStamp } from './fingerprint.mjs';
import { run } from './program.mjs';
import { begin } from './progress.mjs';

const isSource = (/** @type {string} */ name) => /\.m?ts$|\.mjs$/.test(name);

/** Compiles src/ and datasets/ to dist/ where they changed. @param {string} root */
export async function compileTypeScript(root) {
  const stampFile = join(root, 'dist/.setup-stamp');
  const state = fingerprint(root, ['tsconfig.json', 'package-lock.json', 'src', 'datasets'], isSource);
  if (readStamp(stampFile) === state && existsSync(join(root, 'dist/src'))) return;
  const step = begin('compiling TypeScript');
  const { status, output } = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc')], {
    cwd: root,
  });
  if (status !== 0) {
    step.failed();
    throw new SetupFailure(
      `expected the TypeScript sources to compile but they did not:\n${output.trim()}`,
      'Mend the lines that are named.',
    );
  }
  removeLeftovers(root);
  writeStamp(stampFile, state);
  step.done('dist/');
}

/** What was compiled from a source that is gone: folders are listed to find recipes, formats and commands. @param {string} root */
function removeLeftovers(root) {
  for (const room of ['src', 'datasets']) {
    for (const file of readdirSync(join(root, 'dist', room), { recursive: true, encoding: 'utf8' })) {
      const name = /^(.*?)(\.d\.ts|\.js|\.js\.map)$/.exec(file)?.[1];
      const source = name && join(root, room, name);
      if (source && !['.ts', '.js'].some((ending) => existsSync(source + ending)))
        rmSync(join(root, 'dist', room, file));
    }
  }
}
