import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { GadoliniumError } from '../errors.js';

/** A file read by ranges, so that one of many gigabytes is never held. Every read is checked against the file's size. */
export class FileBytes {
  readonly size: number;
  readonly #descriptor: number;

  /** Throws `bad-checkpoint` when it cannot be opened. */
  constructor(readonly path: string) {
    try {
      this.#descriptor = openSync(path, 'r');
    } catch (error) {
      throw GadoliniumError.expected(
        'bad-checkpoint',
        'a file that can be read',
        'the weights',
        `${path}: ${(error as Error).message}`,
      );
    }
    const stats = fstatSync(this.#descriptor);
    if (!stats.isFile()) {
      this.close();
      throw GadoliniumError.expected('bad-checkpoint', 'a file', 'the weights', path);
    }
    this.size = stats.size;
  }

  /** Bytes `at` to `at + length`; a range that the file does not have is damage. */
  read(at: number, length: number): Buffer {
    if (!(at >= 0 && length >= 0 && at + length <= this.size)) throw this.damaged('it ends too early');
    const out = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#descriptor, out, done, Math.min(length - done, 1 << 30), at + done);
      if (count === 0) throw this.damaged('it ends too early');
      done += count;
    }
    return out;
  }

  damaged(why: string): GadoliniumError {
    return new GadoliniumError('bad-checkpoint', `expected a whole checkpoint but ${this.path} is not: ${why}`, {
      advice: 'fetch the file anew and compare its checksum with the publisher’s',
    });
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** Reads a range of a file from front to back through a small window. */
export class Cursor {
  #window: Buffer = Buffer.alloc(0);
  #from = 0;

  /** `at`: the next byte's place in the file; `end`: where the range ends. */
  constructor(
    readonly file: FileBytes,
    public at: number,
    readonly end: number,
  ) {}

  bytes(length: number): Buffer {
    if (!(length >= 0 && this.at + length <= this.end)) throw this.file.damaged('a pickle ends too early');
    if (this.at < this.#from || this.at + length > this.#from + this.#window.length) {
      this.#from = this.at;
      this.#window = this.file.read(this.at, Math.max(length, Math.min(1 << 16, this.end - this.at)));
    }
    const start = this.at - this.#from;
    this.at += length;
    return this.#window.subarray(start, start + length);
  }

  byte(): number {
    return this.bytes(1)[0] as number;
  }

  /** Up to the next line feed, which is taken too. */
  line(): string {
    const longest = 1 << 16;
    const start = this.at;
    while (this.at - start < longest) if (this.byte() === 0x0a) return this.#text(start, this.at - 1);
    throw this.file.damaged('a line of a pickle has no end');
  }

  #text(from: number, to: number): string {
    const after = this.at;
    this.at = from;
    const text = this.bytes(to - from).toString('utf8');
    this.at = after;
    return text;
  }
}
