import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Description } from '../config/parts.js';
import { GadoliniumError } from '../errors.js';
import { PACKAGE_ROOT } from '../package.js';

/** The whole face of gadolinium.node (native/binding). */
export interface Addon {
  /** Version of the libtorch it was compiled against. */
  libtorch: string;
  /** Whether it was built for cards. */
  cuda: boolean;
  /** Cards that libtorch sees. */
  devices(): number;
  describe(): Description;
  /** Header of a safetensors file; `verify` checks the hash of its data. */
  readCheckpoint(file: string, verify: boolean): CheckpointHeader;
  /** XXH64 of the data of a safetensors file, as headers keep it. */
  hashCheckpoint(file: string): string;
  Engine: new (config: object, wake: () => void) => NativeEngine;
}

export interface CheckpointHeader {
  metadata: Record<string, string> | null;
  tensors: { name: string; dtype: string; shape: number[] }[];
}

/** native/engine/engine.h lists the methods of `now` and `later`. */
export interface NativeEngine {
  now(method: string, args: object): unknown;
  /** Answered by an event { type: 'reply', id, value | error }. */
  later(id: number, method: string, args: object): void;
  drain(): NativeEvent[];
  /** While held, the engine keeps the process alive. */
  hold(flag: boolean): void;
  /** Stops at the next step boundary and joins the thread. */
  close(): void;
}

export type NativeEvent = { type: string } & Record<string, unknown>;

let loaded: Addon | undefined;

/** The addon; GADOLINIUM_BUILD names another build folder than `release` (cuda, debug …). The only `require` of the .node. */
export function addon(): Addon {
  if (loaded) return loaded;
  // Read by OpenMP's runtime when it is loaded with the addon. By default its threads spin for milliseconds at every barrier: on a
  // machine where loader threads or other jobs want the same cores, a step then takes ten times as long.
  process.env['GOMP_SPINCOUNT'] ??= '1000';
  const builds = process.env['GADOLINIUM_BUILD'] ? [process.env['GADOLINIUM_BUILD']] : ['cuda', 'release'];
  for (const build of builds) {
    const file = join(PACKAGE_ROOT, 'build', build, 'gadolinium.node');
    if (!existsSync(file)) continue;
    try {
      loaded = createRequire(import.meta.url)(file) as Addon;
      return loaded;
    } catch (cause) {
      throw new GadoliniumError('addon-not-loaded', `could not load ${file}: ${(cause as Error).message}`, {
        advice: 'run `npm run setup`; `gadolinium doctor` says what is missing',
        cause,
      });
    }
  }
  throw new GadoliniumError(
    'addon-not-built',
    `expected the native addon in ${join(PACKAGE_ROOT, 'build', builds.at(-1) ?? '')} but it is absent`,
    {
      advice: 'run `npm run setup`',
    },
  );
}
