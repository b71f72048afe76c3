/**
 * Cuts a text into sentences, so that training may shuffle, drop or align them. Made for reports and captions: it survives
 * titles ("Dr. Smith"), decimals ("2.5 cm"), abbreviations ("vs.", "e.g."), initials, numbered lists and wrapped lines.
 */

/** Words whose full stop does not end a sentence. */
const ABBREVIATIONS = new Set(
  (
    'dr mr mrs ms prof st sr jr rev vs v cf ca approx resp incl excl e.g eg i.e ie viz al ex ' +
    'fig figs no nos vol p pp eq ref refs sec ser im inc ltd dept hosp univ a.m p.m am pm bilat ' +
    'lat ant inf sup med max min temp hx dx rt lt pt pts jan feb mar apr jun jul aug sep sept ' +
    'oct nov dec'
  ).split(' '),
);
/** Of these, the ones that are words of their own: only an abbreviation in front of a number ("No. 5", "Fig. 2", "pp. 3"). */
const BEFORE_NUMBERS = new Set(
  ('no nos fig figs p pp vol eq ref refs sec ser im min max am pm ex mar jan dec med sup pt ' + 'pts').split(' '),
);

const LIST_MARK = /^\s*(?:\(?\d{1,2}[.)]|\(?[a-zA-Z]\)|[-*•–·])\s+/;
/** "FINDINGS:", "Impression :" at the start of a line. */
const HEADING = /^\s*[A-Z][A-Za-z ]{2,40}\s?:/;

/** The sentences in order; whitespace inside each is single blanks. An empty or blank text has none. */
export function sentences(text: string): string[] {
  const out: string[] = [];
  for (const block of blocks(text)) {
    let start = 0;
    for (const end of ends(block)) {
      push(out, block.slice(start, end));
      start = end;
    }
    push(out, block.slice(start));
  }
  return out;
}

function push(out: string[], piece: string): void {
  const sentence = piece.replace(/\s+/gu, ' ').trim();
  if (sentence === '') return;
  // What has no letter or digit ("...", "—") belongs to what stands before it.
  if (out.length > 0 && !/[\p{L}\p{N}]/u.test(sentence)) out[out.length - 1] += ` ${sentence}`;
  else out.push(sentence);
}

/** Lines joined where they were only wrapped; blank lines, list items and headings start anew. */
function blocks(text: string): string[] {
  const out: string[][] = [];
  let open = false;
  for (const line of text.split(/\r\n|[\n\r\u2028\u2029]/u)) {
    if (line.trim() === '') open = false;
    else if (open && !LIST_MARK.test(line) && !HEADING.test(line)) out.at(-1)!.push(line);
    else {
      out.push([line]);
      open = true;
    }
  }
  return out.map((lines) => lines.join(' '));
}

/** Positions behind the sentence ends inside one block. */
function ends(block: string): number[] {
  const found: number[] = [];
  // A run of end marks with closing quotes and brackets, then blanks and the next character; or a full-width mark.
  const mark = /(?<![.!?])([.!?]+)(["'”’)\]]*)\s+(?=(\S))|[。！？]["”’）」]*/gu;
  for (let match = mark.exec(block); match !== null; match = mark.exec(block)) {
    const end = match.index + match[0].length;
    const start = found.at(-1) ?? 0;
    const sofar = match.index - start < 8 ? block.slice(start, match.index).trim() : '';
    // The number of a list item ("1. Heart normal. 2. Lungs clear.") stays with the item.
    if (match[1] === '.' && /^\(?(?:\d{1,2}|[a-zA-Z])$/.test(sofar)) continue;
    if (match[1] === undefined || isEnd(block, match.index, match[1], block.slice(end, end + 2))) found.push(end);
  }
  return found;
}

/** Whether the marks at `at` end a sentence; `next` are the two characters that follow. */
function isEnd(block: string, at: number, marks: string, next: string): boolean {
  // A sentence starts with a capital letter, a digit, or a script without case; "approx. three" goes on.
  if (/^\p{Ll}/u.test(next)) return false;
  if (marks !== '.') return true;
  const word = /[\p{L}\p{N}.]*$/u.exec(block.slice(Math.max(0, at - 40), at))![0].toLowerCase();
  if (/^\p{L}$/u.test(word)) return !isInitial(block.slice(Math.max(0, at - 40), at), next);
  if (word === 'a.m' || word === 'p.m') return /^\p{Lu}/u.test(next);
  if (/^(?:\p{L}\.)+\p{L}$/u.test(word)) return false; // "U.S."
  if (!ABBREVIATIONS.has(word)) return true;
  return BEFORE_NUMBERS.has(word) ? !/^\p{N}/u.test(next) : false;
}

/** "J. Smith" and "John F. Kennedy", but not "hepatitis B. The liver" or "vitamin K." */
function isInitial(before: string, next: string): boolean {
  if (/^\p{Lu}\.$/u.test(next)) return true;
  if (!/^\p{Lu}/u.test(next)) return /(?:^|\s)[vp]$/iu.test(before);
  return /(?:^|[.,;:]\s|\p{Lu}\p{Ll}*\.?\s)\p{Lu}$/u.test(before);
}
