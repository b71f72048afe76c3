/**
 * Lists and dictionaries that a table holds as Python wrote them: ['a', "b's"], {'NORM': 100.0}, and NumPy's form without commas,
 * ['a' 'b']. They are read, never evaluated.
 */
export type Literal = string | number | boolean | null | Literal[] | { [key: string]: Literal };

/** undefined: not such a literal, or more than one. */
export function pythonLiteral(text: string): Literal | undefined {
  const reader = new Reader(text);
  const value = reader.value();
  return reader.atEnd() ? value : undefined;
}

/** The texts of a list, trimmed, blank ones left out; undefined: not a list of texts. */
export function textList(text: string): string[] | undefined {
  const value = pythonLiteral(text);
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return undefined;
  return value.map((item) => item.trim()).filter((item) => item !== '');
}

const WORDS: Record<string, Literal> = { None: null, True: true, False: false, nan: Number.NaN };
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r' };
/** Deeper ones are no table's. */
const DEEPEST = 20;

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  atEnd(): boolean {
    this.skip();
    return this.at === this.text.length;
  }

  value(depth = 0): Literal | undefined {
    this.skip();
    const first = this.text[this.at];
    if (depth > DEEPEST || first === undefined) return undefined;
    if (first === '[') return this.list(depth);
    if (first === '{') return this.dictionary(depth);
    if (first === "'" || first === '"') return this.quoted(first);
    const word = /^[^\s,:[\]{}]+/u.exec(this.text.slice(this.at, this.at + 64))?.[0] ?? '';
    this.at += word.length;
    if (Object.hasOwn(WORDS, word)) return WORDS[word];
    return word !== '' && Number.isFinite(Number(word)) ? Number(word) : undefined;
  }

  private skip(pattern = /\s/u): void {
    while (this.at < this.text.length && pattern.test(this.text[this.at]!)) this.at++;
  }

  /** Whether this is what stands next; then it is passed. */
  private next(character: string): boolean {
    this.skip();
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private list(depth: number): Literal[] | undefined {
    const out: Literal[] = [];
    this.at++;
    while (!this.next(']')) {
      const item = this.value(depth + 1);
      if (item === undefined) return undefined;
      out.push(item);
      this.next(',');
    }
    return out;
  }

  private dictionary(depth: number): Literal | undefined {
    const out: [string, Literal][] = [];
    this.at++;
    while (!this.next('}')) {
      const key = this.value(depth + 1);
      const item = this.next(':') ? this.value(depth + 1) : undefined;
      if (item === undefined || (typeof key !== 'string' && typeof key !== 'number')) return undefined;
      out.push([String(key), item]);
      this.next(',');
    }
    return Object.fromEntries(out);
  }

  private quoted(quote: string): string | undefined {
    let out = '';
    for (this.at++; this.at < this.text.length; this.at++) {
      const character = this.text[this.at]!;
      if (character === quote) {
        this.at++;
        return out;
      }
      if (character === '\\') {
        const escaped = this.text[++this.at] ?? '';
        out += ESCAPES[escaped] ?? escaped;
      } else out += character;
    }
    return undefined;
  }
}
