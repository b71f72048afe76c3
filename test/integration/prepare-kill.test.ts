import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { sourceFolder, temporaryFolder } from '../unit/data/source-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = join(root, 'dist/src/data/prepare.js');

beforeAll(() => {
  // Another process runs the compiled sources; quick where nothing has changed. Whether types hold is not asked here.
  spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'], { cwd: root });
  expect(existsSync(compiled)).toBe(true);
});

const SCRIPT = `
const { prepare } = await import(process.argv[1]);
await prepare(JSON.parse(process.argv[2])).done;
`;

function start(table: string, to: string): ChildProcess {
  const options = {
    dataset: 'table',
    from: table,
    to,
    size: 32,
    tokenizer: 'train:200',
    resume: true,
    limits: { shardBytes: 60_000, batchRows: 8 },
    adapter: { image: ['path'], text: ['report'], group: 'patient' },
  };
  return spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, compiled, JSON.stringify(options)], {
    stdio: 'inherit',
  });
}

const ended = (child: ChildProcess) =>
  new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.on('exit', (code, signal) => resolve({ code, signal })),
  );

const shardsIn = (folder: string) =>
  existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.arrow')).length : 0;

/** Waits until the folder holds more shards, or a moment that differs each time. */
async function moment(folder: string, round: number): Promise<void> {
  const before = shardsIn(folder);
  const patience = performance.now() + 5000;
  while (shardsIn(folder) <= before && performance.now() < patience)
    await new Promise((resolve) => setTimeout(resolve, 2));
  await new Promise((resolve) => setTimeout(resolve, (round * 7) % 20));
}

test('killed with SIGKILL again and again, it ends with the bytes of an uninterrupted preparation', async () => {
  const { table } = await sourceFolder(200);
  const [whole, killed] = [temporaryFolder(), temporaryFolder()];
  expect(await ended(start(table, whole))).toEqual({ code: 0, signal: null });
  let kills = 0;
  for (let round = 0; ; round++) {
    const child = start(table, killed);
    const end = ended(child);
    if (round < 6) {
      await moment(killed, round);
      child.kill('SIGKILL');
    }
    const { code, signal } = await end;
    if (signal === 'SIGKILL') kills++;
    else {
      expect(code).toBe(0);
      break;
    }
  }
  expect(kills).toBeGreaterThanOrEqual(3);
  expect(readdirSync(killed).sort()).toEqual(readdirSync(whole).sort());
  for (const name of readdirSync(whole)) {
    expect(readFileSync(join(killed, name)).equals(readFileSync(join(whole, name))), name).toBe(true);
  }
}, 120_000);
