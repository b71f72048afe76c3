import { closeSync, fstatSync, ftruncateSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';

const writeAt = promisify(write);

/** Items that may wait for a slow disk before `append` asks to be waited for. */
const most = 16_384;

/**
 * A file that only grows and is written behind the caller: `append` keeps the item and returns; items are encoded and written
 * together, in order, within `milliseconds`, or at once where asked. What could not be written is kept and tried again; its
 * error comes out of the next `append`, so that the bus reports it.
 */
export class AppendFile<Item> {
  readonly #file: number;
  readonly #encode: (items: Item[]) => Buffer;
  readonly #milliseconds: number;
  #items: Item[] = [];
  #unwritten: Buffer = Buffer.alloc(0);
  #length: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #failure: unknown;

  constructor(path: string, milliseconds: number, encode: (items: Item[]) => Buffer) {
    this.#file = openSync(path, 'a+');
    this.#length = fstatSync(this.#file).size;
    this.#milliseconds = milliseconds;
    this.#encode = encode;
  }

  append(item: Item, atOnce = false): void | Promise<void> {
    this.#items.push(item);
    if (this.#failure !== undefined) {
      const error = this.#failure;
      this.#failure = undefined;
      throw error;
    }
    if (atOnce || this.#items.length >= most) {
      const flushed = this.#flush().catch(this.#keep);
      // Waiting would make the bus thin the steps of a burst, so it is asked for only where the disk stands still.
      if (this.#items.length >= most) return flushed;
    } else this.#timer ??= setTimeout(() => this.#flush().catch(this.#keep), this.#milliseconds).unref();
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      closeSync(this.#file);
    }
  }

  readonly #keep = (error: unknown): void => {
    this.#failure = error;
  };

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#writing === undefined && this.#items.length === 0 && this.#unwritten.length === 0)
      return Promise.resolve();
    this.#writing ??= this.#write();
    return this.#writing;
  }

  async #write(): Promise<void> {
    try {
      while (this.#items.length > 0 || this.#unwritten.length > 0) {
        const fresh = this.#encode(this.#items);
        this.#items = [];
        const bytes = this.#unwritten.length > 0 ? Buffer.concat([this.#unwritten, fresh]) : fresh;
        this.#unwritten = bytes;
        for (let done = 0; done < bytes.length; ) {
          done += (await writeAt(this.#file, bytes, done, bytes.length - done, null)).bytesWritten;
        }
        this.#length += bytes.length;
        this.#unwritten = Buffer.alloc(0);
      }
    } catch (error) {
      // A full disk may have taken part of a record: take it back, keep the bytes, try again with the next event.
      ftruncateSync(this.#file, this.#length);
      throw error;
    } finally {
      // In the same turn as the last look at the items, so that nothing falls between the two.
      this.#writing = undefined;
    }
  }
}
