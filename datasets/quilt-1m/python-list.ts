/** Lists of texts as Python prints them (`['a', "b's", None]`): pandas writes its lists so into CSV. Read, never evaluated. */

const BLANK = /[\s,]*/uy;
const WORD = /[^\s,\]]+/uy;
const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\n': '' };

/** The texts of the list, without None and nan; undefined when it is no such list. */
export function pythonTexts(literal: string): string[] | undefined {
  const text = literal.trim();
  if (!text.startsWith('[') || !text.endsWith(']')) return undefined;
  const out: string[] = [];
  let at = 1;
  while (true) {
    BLANK.lastIndex = at;
    at += BLANK.exec(text)![0].length;
    if (at === text.length - 1) return out;
    const first = text[at]!;
    if (first === "'" || first === '"') {
      const found = quoted(text, at);
      if (found === undefined) return undefined;
      out.push(found.value);
      at = found.end;
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0];
      if (word === undefined || !/^(?:None|nan|-?\d+(?:\.\d+)?)$/u.test(word)) return undefined;
      if (/\d/u.test(word)) out.push(word);
      at += word.length;
    }
  }
}

function quoted(text: string, start: number): { value: string; end: number } | undefined {
  const quote = text[start];
  let value = '';
  for (let at = start + 1; at < text.length - 1; at++) {
    const sign = text[at]!;
    if (sign === quote) return { value, end: at + 1 };
    if (sign !== '\\') {
      value += sign;
      continue;
    }
    const letter = text[++at]!;
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits === undefined) value += ESCAPES[letter] ?? letter;
    else {
      const code = Number.parseInt(text.slice(at + 1, at + 1 + digits), 16);
      if (!(code <= 0x10ffff)) return undefined;
      value += String.fromCodePoint(code);
      at += digits;
    }
  }
  return undefined;
}
