import { GadoliniumError } from '../errors.js';
import { addon, type NativeEngine, type NativeEvent } from './addon.js';

interface Pending {
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * One native engine: a thread that does all torch work. Answers come as promises, everything else as events on `onEvent`.
 * Closed by `close()`, at the latest when the process exits.
 */
export class Engine {
  readonly #native: NativeEngine;
  readonly #pending = new Map<number, Pending>();
  readonly #onEvent: (event: NativeEvent) => void;
  readonly #leave = () => this.close();
  #next = 0;
  #closed = false;

  /** `config` is a resolved configuration (src/config/schema.ts) with device and threads settled. */
  constructor(config: object, onEvent: (event: NativeEvent) => void = () => {}) {
    this.#onEvent = onEvent;
    this.#native = guarded(() => new (addon().Engine)(config, () => this.#drain()));
    // process.exit() runs no cleanup hook of the addon: without this the thread would die in the middle of libtorch's own
    // destructors, and the process with a segmentation fault.
    process.on('exit', this.#leave);
  }

  /** At once, on this thread: openData, addShard, prepareTraining, feed, endFeed, stop, checkpoint, proceed, observe. */
  now(method: string, args: object = {}): unknown {
    return guarded(() => this.#native.now(method, args));
  }

  /** On the engine's thread: build, restore, save, train, embed, ranks. */
  later<T = unknown>(method: string, args: object = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.#next++;
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      if (this.#pending.size === 1) this.#native.hold(true);
      try {
        guarded(() => this.#native.later(id, method, args));
      } catch (error) {
        this.#settle(id);
        reject(error as Error);
      }
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#leave);
    this.#native.close();
    for (const { reject } of this.#pending.values()) reject(new GadoliniumError('closed', 'the engine was closed'));
    this.#pending.clear();
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0 && !this.#closed) this.#native.hold(false);
    return pending;
  }

  // Called by the addon. Whatever is thrown here would be swallowed with a warning, so nothing may be.
  #drain(): void {
    for (const event of this.#native.drain()) {
      if (event.type === 'reply') {
        const pending = this.#settle(event['id'] as number);
        if (event['error']) pending?.reject(asError(event['error']));
        else pending?.resolve(event['value']);
        continue;
      }
      try {
        this.#onEvent(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof GadoliniumError ? error : asError(error);
  }
}

/** What the native side describes as { code, message, advice }. */
function asError(error: unknown): Error {
  const { code, message, advice } = error as { code?: string; message?: string; advice?: string };
  if (typeof code !== 'string') return error instanceof Error ? error : new Error(String(message ?? error));
  return new GadoliniumError(code, message ?? code, { advice });
}
