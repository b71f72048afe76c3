import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RankLost } from '../../src/events/types.js';
import { bindRanks } from '../../src/launch/binding.js';
import { availableCores, formatCpus, readTopology } from '../../src/launch/topology.js';
import { Command, compile, type Ended } from './tiny.js';

// The local launcher as a process, with ranks that are processes without an engine (launch-rank.mjs).

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

interface Deed {
  rank: number;
  step: number;
  does: 'exit3' | 'usage' | 'nan' | 'kill' | 'stop' | 'deaf' | 'block' | 'speak' | 'timeout';
  restart?: number;
}

interface Plan {
  steps?: number;
  milliseconds?: number;
  deeds?: Deed[];
  refuse?: boolean;
}

interface Options {
  nproc?: number;
  restarts?: number;
  rankTimeout?: number;
  grace?: number;
  env?: Record<string, string>;
}

let folders: string;
beforeAll(() => {
  compile();
  folders = mkdtempSync(join(tmpdir(), 'gadolinium-launch-'));
});
afterAll(() => rmSync(folders, { recursive: true, force: true }));

/** A launch that is under way. */
class Launch {
  readonly folder = mkdtempSync(join(folders, 'run-'));
  readonly #command: Command;

  constructor(plan: Plan, { env, ...options }: Options = {}) {
    const command = [process.execPath, here('launch-rank.mjs'), this.folder, JSON.stringify(plan)];
    const all = { nproc: 3, grace: 2, backOff: 0.05, ...options, command };
    this.#command = new Command([here('launch-start.mjs'), JSON.stringify(all)], { env: { ...process.env, ...env } });
  }

  get ended(): Promise<Ended> {
    return this.#command.ended;
  }

  kill(signal: NodeJS.Signals): void {
    this.#command.child.kill(signal);
  }

  /** Lines of the ranks, "RANK.RESTART WHAT". */
  get log(): string[] {
    const file = join(this.folder, 'log');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }

  get starts(): { who: string; pid: number; told: Record<string, string> & { words: string[] } }[] {
    return this.log.flatMap((line) => {
      const found = /^(\S+) start (\d+) (.*)$/.exec(line);
      return found ? [{ who: found[1] as string, pid: Number(found[2]), told: JSON.parse(found[3] as string) }] : [];
    });
  }

  async until(condition: () => boolean): Promise<void> {
    for (const end = Date.now() + 10_000; !condition(); await pause(10)) {
      if (Date.now() > end) throw new Error(`expected more than ${this.log.join('; ')}`);
    }
  }

  /** All ranks have made some steps. */
  running(): Promise<void> {
    return this.until(() => Number(this.#read('progress')) > 3);
  }

  #read(name: string): string {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}

/** Whether the kernel can be asked to end ranks with their launcher. */
const mortal = spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true']).status === 0;

const lost = ({ events }: Ended) => events.filter((event): event is RankLost => event.type === 'rank-lost');

/** The kernel's letter for it: R, S, T for stopped, Z for ended where nobody has asked; nothing where it is gone. */
function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

const lives = (pid: number) => !['Z', undefined].includes(stateOf(pid));

describe.concurrent('ranks that', () => {
  test('end well', async () => {
    const launch = new Launch({}, { env: { MASTER_PORT: '1', OMP_NUM_THREADS: '' } });
    const ended = await launch.ended;
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    const starts = launch.starts.sort((a, b) => a.who.localeCompare(b.who));
    expect(starts.map(({ who }) => who)).toEqual(['0.0', '1.0', '2.0']);
    for (const [rank, { told }] of starts.entries()) {
      expect(told).toMatchObject({ words: [], LOCAL_RANK: String(rank), LOCAL_WORLD_SIZE: '3' });
      expect(told['MASTER_PORT']).toBeUndefined();
    }
    expect(launch.log.filter((line) => / end 0 step 20$/.test(line))).toHaveLength(3);
  });

  test('have their own cores and threads', async () => {
    const launch = new Launch({ steps: 2 }, { nproc: 2, env: { OMP_NUM_THREADS: '' } });
    const { code, stderr } = await launch.ended;
    expect(code).toBe(0);
    const topology = readTopology();
    const cpus = (topology && bindRanks(topology, 2))?.map(formatCpus);
    const told = launch.starts.sort((a, b) => a.who.localeCompare(b.who)).map((start) => start.told);
    const threads = String(Math.max(1, Math.floor(availableCores() / 2)));
    expect(told.map((one) => one['OMP_NUM_THREADS'])).toEqual([threads, threads]);
    if (stderr.includes('bound to no cores')) expect(told[0]?.['affinity']).toBe(told[1]?.['affinity']);
    else expect(told.map((one) => one['affinity'])).toEqual(cpus);
  });

  test('speak: rank 0 for itself, the others by whole lines with their name', async () => {
    const deeds: Deed[] = [0, 1, 2].map((rank) => ({ rank, step: 2, does: 'speak' }));
    const { code, stdout, stderr } = await new Launch({ deeds }).ended;
    expect(code).toBe(0);
    expect(stdout).toBe('one\ntwo\n');
    const lines = stderr.split('\n');
    for (const rank of [1, 2]) {
      for (const said of ['one', 'two', 'three, with no end']) expect(lines).toContain(`[rank ${rank}] ${said}`);
    }
  });

  test('exit with a status: named, with step and phase; the others end', async () => {
    const launch = new Launch({ deeds: [{ rank: 1, step: 7, does: 'exit3' }], milliseconds: 200 });
    const ended = await launch.ended;
    expect(ended.code).toBe(1);
    const [event] = lost(ended);
    expect(lost(ended)).toHaveLength(1);
    expect(event).toMatchObject({ lost: 1, rank: 1, phase: 'forward', reason: 'exit', status: 3 });
    expect(event?.pid).toBe(launch.starts.find(({ who }) => who === '1.0')?.pid);
    // Told at each step, not only with the beat of a second.
    expect(event?.step).toBe(6);
    expect(ended.stderr).toContain('after that, rank 0 failed: connection closed by peer [peer-lost]');
  });

  test('tell why they fail: with its code, and where exactly', async () => {
    const ended = await new Launch({ deeds: [{ rank: 2, step: 7, does: 'nan' }] }).ended;
    expect(ended.code).toBe(1);
    expect(lost(ended)).toMatchObject(
      [{ lost: 2, step: 6, reason: 'failed', code: 'not-finite', message: /loss of rank 2 is not finite/ }].map(
        ({ message, ...event }) => ({ ...event, message: expect.stringMatching(message) }),
      ),
    );
  });

  test.each([0, 1, 2])('are killed: rank %i', async (rank) => {
    const ended = await new Launch({ deeds: [{ rank, step: 3, does: 'kill' }] }).ended;
    expect(ended.code).toBe(1);
    expect(lost(ended)).toMatchObject([{ lost: rank, reason: 'signal', signal: 'SIGKILL' }]);
  });

  test('fail two at once: the earlier is the cause', async () => {
    const deeds: Deed[] = [
      { rank: 2, step: 4, does: 'nan' },
      { rank: 1, step: 5, does: 'exit3' },
    ];
    const ended = await new Launch({ deeds }).ended;
    expect(lost(ended)).toMatchObject([{ lost: 2, code: 'not-finite' }]);
  });

  test('are stopped: hung, noticed in time, and the others that wait for it end', async () => {
    const begun = Date.now();
    const launch = new Launch({ deeds: [{ rank: 1, step: 3, does: 'stop' }] }, { rankTimeout: 2 });
    const ended = await launch.ended;
    expect(ended.code).toBe(1);
    expect(lost(ended)).toMatchObject([
      { lost: 1, reason: 'hung', message: expect.stringMatching(/no sign of life for \d s; its process is stopped/) },
    ]);
    expect(Date.now() - begun).toBeLessThan(8000);
    expect(launch.starts.filter(({ pid }) => lives(pid))).toEqual([]);
  });

  test('are stopped: the cause, also where another gives up on it first', async () => {
    const deeds: Deed[] = [
      { rank: 1, step: 3, does: 'stop' },
      { rank: 0, step: 3, does: 'timeout' },
    ];
    const ended = await new Launch({ deeds }, { rankTimeout: 60 }).ended;
    expect(lost(ended)).toMatchObject([{ lost: 1, reason: 'hung' }]);
    expect(ended.stderr).toContain('after that, rank 0 failed: a collective took too long [peer-lost]');
  });

  test('do not obey SIGTERM: are killed after the grace period', async () => {
    const deeds: Deed[] = [
      { rank: 0, step: 2, does: 'deaf' },
      { rank: 2, step: 2, does: 'block' },
      { rank: 1, step: 3, does: 'nan' },
    ];
    // Rank 1 comes to step 3 only if the others do: the one that blocks must do so after it.
    const later = deeds.map((deed) => (deed.does === 'block' ? { ...deed, step: 3 } : deed));
    const launch = new Launch({ deeds: later }, { grace: 0.5 });
    const ended = await launch.ended;
    expect(ended.code).toBe(1);
    expect(lost(ended)).toMatchObject([{ lost: 1, code: 'not-finite' }]);
    expect(launch.log).toContain('2.0 blocked');
    expect(launch.starts.filter(({ pid }) => lives(pid))).toEqual([]);
  });

  test('are used wrongly: status 2, and no restart', async () => {
    const launch = new Launch({ deeds: [{ rank: 0, step: 0, does: 'usage' }] }, { restarts: 3 });
    const ended = await launch.ended;
    expect(ended.code).toBe(2);
    expect(lost(ended)).toEqual([]);
    expect(launch.starts).toHaveLength(3);
  });
});

describe.concurrent('restarts', () => {
  test('go on where it stood, and count', async () => {
    const deeds: Deed[] = [
      { rank: 1, step: 6, does: 'kill' },
      { rank: 0, step: 9, does: 'exit3', restart: 1 },
    ];
    const launch = new Launch({ deeds }, { restarts: 2 });
    const ended = await launch.ended;
    expect(ended.code).toBe(0);
    expect(lost(ended)).toMatchObject([{ lost: 1 }, { lost: 0 }]);
    for (const { who, told } of launch.starts) expect(told.words).toEqual(who.endsWith('.0') ? [] : ['--resume']);
    const from = launch.log.flatMap((line) => /^0\.\d from (\d+)$/.exec(line)?.[1] ?? []).map(Number);
    expect(from).toHaveLength(3);
    expect(from[0]).toBe(0);
    expect(from[1]).toBeGreaterThanOrEqual(5);
    expect(from[2]).toBe(9);
    expect(launch.log.filter((line) => / end 0 step 20$/.test(line))).toHaveLength(3);
  });

  test('come to an end', async () => {
    const deeds: Deed[] = [0, 1, 2].map((restart) => ({ rank: 1, step: 1, does: 'exit3', restart }));
    const launch = new Launch({ deeds }, { restarts: 1 });
    const ended = await launch.ended;
    expect(ended.code).toBe(1);
    expect(lost(ended)).toHaveLength(2);
    expect(launch.starts).toHaveLength(6);
  });

  test('never touch a run that was refused', async () => {
    const launch = new Launch({ refuse: true }, { restarts: 3 });
    expect((await launch.ended).code).toBe(1);
    expect(launch.starts).toHaveLength(3);
  });
});

describe.concurrent('signals', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s reaches every rank once; status %i', async (signal, status) => {
    const launch = new Launch({ steps: 10_000 }, { restarts: 2 });
    await launch.running();
    launch.kill(signal);
    const ended = await launch.ended;
    expect(ended.code).toBe(status);
    expect(lost(ended)).toEqual([]);
    expect(launch.log.filter((line) => line.endsWith(signal)).sort()).toEqual([0, 1, 2].map((i) => `${i}.0 ${signal}`));
    expect(launch.starts).toHaveLength(3);
  });

  test('SIGUSR1 too, and the run goes on', async () => {
    const launch = new Launch({ steps: 60 });
    await launch.running();
    launch.kill('SIGUSR1');
    expect((await launch.ended).code).toBe(0);
    expect(launch.log.filter((line) => line.endsWith('SIGUSR1'))).toHaveLength(3);
  });

  test('a second one ends ranks that do not obey', async () => {
    const deeds: Deed[] = [0, 1, 2].map((rank) => ({ rank, step: 1, does: 'deaf' }));
    const launch = new Launch({ steps: 10_000, deeds }, { grace: 0.3 });
    await launch.running();
    launch.kill('SIGTERM');
    await launch.until(() => launch.log.filter((line) => line.endsWith('SIGTERM')).length === 3);
    launch.kill('SIGTERM');
    expect((await launch.ended).code).toBe(1);
    expect(launch.starts.filter(({ pid }) => lives(pid))).toEqual([]);
  });

  test('SIGTSTP stops all, and after SIGCONT nobody counts as hung', async () => {
    const launch = new Launch({ steps: 60 }, { rankTimeout: 2 });
    await launch.running();
    launch.kill('SIGTSTP');
    await launch.until(() => launch.starts.every(({ pid }) => stateOf(pid) === 'T'));
    await pause(3000);
    launch.kill('SIGCONT');
    const ended = await launch.ended;
    expect(lost(ended)).toEqual([]);
    expect(ended.code).toBe(0);
  });

  test('SIGKILL of the launcher leaves no rank, by the end of the channel alone', async () => {
    // No programs: neither setpriv nor taskset.
    const launch = new Launch({ steps: 10_000 }, { nproc: 2, env: { PATH: '' } });
    await launch.running();
    launch.kill('SIGKILL');
    const { stderr } = await launch.ended;
    expect(stderr).toContain('bound to no cores: ');
    await launch.until(() => launch.starts.every(({ pid }) => !lives(pid)));
  });

  test.skipIf(!mortal)(
    'SIGKILL of the launcher leaves no rank, not even ones that are stopped or blocked',
    async () => {
      const deeds: Deed[] = [
        { rank: 1, step: 5, does: 'stop' },
        { rank: 2, step: 5, does: 'block' },
      ];
      const launch = new Launch({ steps: 10_000, deeds });
      await launch.running();
      await launch.until(() => launch.log.includes('2.0 blocked'));
      launch.kill('SIGKILL');
      await launch.ended;
      await launch.until(() => launch.starts.every(({ pid }) => !lives(pid)));
      expect(launch.starts).toHaveLength(3);
    },
  );
});
