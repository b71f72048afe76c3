// @ts-check
// For working on the project: TypeScript recompiled and the nearest tests run on every change, the addon rebuilt when a
// native file changes. Ends with Ctrl-C.
import { watch } from 'node:fs';
import { join } from 'node:path';
import { buildNative } from './addon.mjs';
import { whenStarted } from './command.mjs';
import { asFailure } from './failure.mjs';
import { root } from './places.mjs';
import { show } from './program.mjs';
import { say } from './progress.mjs';
import { setUp } from './setup.mjs';

/** Editors write a file in several steps. */
const QUIET_MS = 200;

async function rebuildOnChange() {
  let building = false;
  let again = false;
  const build = async () => {
    again = building;
    if (building) return;
    building = true;
    try {
      await buildNative(root, 'release');
    } catch (error) {
      say(asFailure(error).message);
    }
    building = false;
    if (again) await build();
  };
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  watch(join(root, 'native'), { recursive: true }, () => {
    clearTimeout(timer);
    timer = setTimeout(build, QUIET_MS);
  });
}

await whenStarted(import.meta, async () => {
  await setUp([]);
  await rebuildOnChange();
  const node = (/** @type {string[]} */ ...args) => show(process.execPath, args, { cwd: root });
  return Promise.race([
    node(join(root, 'node_modules/typescript/bin/tsc'), '--watch', '--preserveWatchOutput'),
    node(join(root, 'node_modules/vitest/vitest.mjs'), 'watch', '--changed'),
  ]);
});
