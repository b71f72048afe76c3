/** The members of a large JSON object, or the items of a large array, one by one: files of gigabytes would not fit a string. */
import { createReadStream, existsSync } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { GadoliniumError } from '../../errors.js';

const [QUOTE, BACKSLASH, OPEN, CLOSE, COMMA] = [0x22, 0x5c, 0x7b, 0x7d, 0x2c];
const [LIST, LIST_END] = [0x5b, 0x5d];
/** No report's graph and no caption is near; a file without line or member ends must not fill the memory. */
const LONGEST = 1 << 26;

/** Key and value of each member, in order. The file may be gzipped. */
export function jsonMembers(path: string): AsyncGenerator<[string, unknown]> {
  return partsOf(path, new Parts(path, OPEN, (text) => Object.entries(JSON.parse(`{${text}}`) as object)));
}

/** Each item of an array, in order. The file may be gzipped. */
export function jsonItems(path: string): AsyncGenerator<unknown> {
  return partsOf(path, new Parts(path, LIST, (text) => [JSON.parse(text) as unknown]));
}

async function* partsOf<Part>(path: string, parts: Parts<Part>): AsyncGenerator<Part> {
  if (!existsSync(path)) throw GadoliniumError.expected('no-file', 'a JSON file', path, 'no such file');
  for await (const chunk of bytesOf(path)) yield* parts.take(chunk);
  parts.end();
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  if (!path.endsWith('.gz')) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  const unzip = createGunzip();
  file.on('error', (error) => unzip.destroy(error));
  yield* file.pipe(unzip) as AsyncIterable<Buffer>;
}

class Parts<Part> {
  private depth = 0;
  private inText = false;
  private escaped = false;
  private ended = false;
  /** What was read of the part that is being read. */
  private parts: Buffer[] = [];
  private length = 0;

  /**
   * @param opening the bracket that the file begins with
   * @param parse what the text between two commas stands for
   */
  constructor(
    private readonly path: string,
    private readonly opening: number,
    private readonly parse: (text: string) => Part[],
  ) {}

  *take(chunk: Buffer): Generator<Part> {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (this.inText) {
        if (this.escaped) this.escaped = false;
        else if (byte === BACKSLASH) this.escaped = true;
        else if (byte === QUOTE) this.inText = false;
        continue;
      }
      if (this.depth === 0) {
        if (byte <= 0x20 || (byte >= 0xbb && !this.ended)) continue;
        if (byte !== this.opening || this.ended)
          throw this.fault(`'${String.fromCharCode(byte)}' ${this.ended ? 'behind its end' : 'first'}`);
        this.depth = 1;
        start = i + 1;
      } else if (byte === QUOTE) this.inText = true;
      else if (byte === OPEN || byte === LIST) this.depth++;
      else if (byte === CLOSE || byte === LIST_END) {
        this.depth--;
        if (this.depth > 0) continue;
        this.keep(chunk.subarray(start, i));
        this.ended = true;
        yield* this.member();
      } else if (byte === COMMA && this.depth === 1) {
        this.keep(chunk.subarray(start, i));
        start = i + 1;
        yield* this.member();
      }
    }
    if (this.depth > 0) this.keep(chunk.subarray(start));
  }

  end(): void {
    if (!this.ended) throw this.fault('an end in the middle');
  }

  private keep(part: Buffer): void {
    if (part.length === 0) return;
    this.parts.push(Buffer.from(part));
    this.length += part.length;
    if (this.length > LONGEST) throw this.fault(`a member of more than ${LONGEST} bytes`);
  }

  private *member(): Generator<Part> {
    const text = Buffer.concat(this.parts).toString('utf8');
    this.parts = [];
    this.length = 0;
    if (text.trim() === '') return;
    let found: Part[];
    try {
      found = this.parse(text);
    } catch (error) {
      throw this.fault((error as Error).message);
    }
    yield* found;
  }

  private fault(got: string): GadoliniumError {
    return new GadoliniumError(
      'bad-json',
      `expected one JSON ${this.opening === OPEN ? 'object' : 'array'} for ${this.path} but got ${got}`,
    );
  }
}
