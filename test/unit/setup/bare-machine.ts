import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

/** A machine with nothing on it: an empty home and a PATH that holds only what a test puts there. */
export function bareMachine() {
  const folder = mkdtempSync(join(tmpdir(), 'gadolinium-setup-'));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const home = join(folder, 'home');
  const bin = join(folder, 'bin');
  mkdirSync(home);
  mkdirSync(bin);
  vi.stubEnv('HOME', home);
  vi.stubEnv('PATH', bin);
  for (const name of ['XDG_CACHE_HOME', 'GADOLINIUM_LIBTORCH', 'GADOLINIUM_ARCH', 'CXX']) vi.stubEnv(name, undefined);
  return {
    folder,
    home,
    bin,
    cache: join(home, '.cache/gadolinium'),
    /** Puts a program on PATH: the body is shell text, with the machine's own programs within reach. */
    program(name: string, body: string) {
      writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
      chmodSync(join(bin, name), 0o755);
    },
    /** Puts a program of this machine on PATH. */
    link(name: string, target: string) {
      symlinkSync(target, join(bin, name));
    },
  };
}

export type BareMachine = ReturnType<typeof bareMachine>;

/** The failure that the call ends in. */
export async function failureOf(call: () => unknown): Promise<Error & { remedy: string }> {
  try {
    await call();
  } catch (error) {
    return error as Error & { remedy: string };
  }
  throw new Error('expected a failure but the call succeeded');
}
