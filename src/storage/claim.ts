/**
 * Files by which processes of one machine tell each other what they are at: one file, one process, and only as long as it lives.
 * They keep two processes from doing the same work, and files that are read from being thrown out. Nothing is wrong where one
 * fails, since whole files come by renaming and are known by their hash: the worst is work done twice.
 */
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';

interface Owner {
  host: string;
  pid: number;
  /** When the process began, where the system says it: a number that came again is another process. */
  began: string;
}

const refreshMilliseconds = 10_000;
/** After so long without being refreshed a claim of another machine (the folder may be shared) is taken for dead. */
const staleMilliseconds = 60_000;

const beganOf = (pid: number | 'self'): string => {
  try {
    // The name in brackets may hold anything; the 20th field after it is the start.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ')[19] ?? '';
  } catch {
    return '';
  }
};

export class Claim {
  readonly #refresh: NodeJS.Timeout;

  private constructor(readonly path: string) {
    this.#refresh = setInterval(() => {
      try {
        const now = new Date();
        utimesSync(path, now, now);
      } catch {
        // Gone: somebody took it for dead. See above.
      }
    }, refreshMilliseconds).unref();
  }

  /** Claims a path, with what others should know; undefined where a living process holds it. */
  static take(path: string, content: object = {}): Claim | undefined {
    const owner: Owner = { host: hostname(), pid: process.pid, began: beganOf('self') };
    for (let tries = 0; tries < 2; tries++) {
      try {
        writeFileSync(path, JSON.stringify({ ...owner, ...content }), { flag: 'wx' });
        return new Claim(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      if (isHeld(path)) return undefined;
      rmSync(path, { force: true });
    }
    return undefined;
  }

  /** The same, waiting until it is free. */
  static async wait(path: string): Promise<Claim> {
    for (;;) {
      const claim = Claim.take(path);
      if (claim) return claim;
      await pause(20 + 30 * Math.random());
    }
  }

  release(): void {
    clearInterval(this.#refresh);
    rmSync(this.path, { force: true });
  }
}

/** What a claim says, where a living process holds it. */
export function claimed<Content extends object>(path: string): Content | undefined {
  try {
    return isHeld(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Content) : undefined;
  } catch {
    return undefined;
  }
}

function isHeld(path: string): boolean {
  let age: number;
  try {
    age = Date.now() - statSync(path).mtimeMs;
  } catch {
    return false;
  }
  let owner: Partial<Owner>;
  try {
    owner = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    owner = {}; // just being written, or its writer was killed over it
  }
  if (owner.host !== hostname() || !owner.pid) return age < staleMilliseconds;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return beganOf(owner.pid) === (owner.began ?? '');
}
