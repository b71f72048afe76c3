/**
 * Questions with their answers as statements, by fixed rules. Words are only moved, never changed or added beyond "there is",
 * "this is" and their like; what no rule fits keeps the question's words with the answer behind a colon.
 */
export interface QuestionAnswer {
  question: string;
  answer: string;
  /** PRES, POS, ABN, MODALITY, PLANE, ORGAN … */
  type: string;
}

export function statementOf({ question, answer, type }: QuestionAnswer): string {
  const asked = question
    .replace(/\s+/gu, ' ')
    .replace(/[\s?.]+$/u, '')
    .trim();
  const said = answer
    .replace(/\s+/gu, ' ')
    .replace(/[\s?.]+$/u, '')
    .trim();
  const yes = /^yes$/iu.test(said);
  const no = /^no$/iu.test(said);
  const statement = yes || no ? closed(asked, yes) : open(asked, said, type);
  return capital(`${statement ?? `${asked}: ${said.toLowerCase() === said ? said : plain(said)}`}.`);
}

/** "Is there a mass" → "There is a mass" or "There is no mass". */
function closed(asked: string, yes: boolean): string | undefined {
  const there = /^(is|are|was|were) there (?:(?:any|an?|the) )?(.+)$/iu.exec(asked);
  if (there !== null) {
    const verb = there[1]!.toLowerCase();
    return yes
      ? `there ${verb} ${asked.slice(`${verb} there `.length).replace(/^any /iu, '')}`
      : `there ${verb} no ${there[2]}`;
  }
  const evidence = /^any (?:evidence|sign|signs) of (.+)$/iu.exec(asked);
  if (evidence !== null) return yes ? `there is evidence of ${evidence[1]}` : `there is no evidence of ${evidence[1]}`;
  const is = /^is (this|it) (an?|the|in|of) (.+)$/iu.exec(asked);
  if (is !== null) return `${is[1]} is ${yes ? '' : 'not '}${is[2]!.toLowerCase()} ${is[3]}`;
  return undefined;
}

/** Where the question's type says what the answer names. */
function open(asked: string, said: string, type: string): string | undefined {
  if (/\b(?:or)\b/iu.test(asked)) return undefined;
  if (
    /MODALITY/u.test(type) &&
    /^(?:what|which|how)\b.*\b(?:modality|imag|scan|study|taken|technique|type|kind)/iu.test(asked)
  )
    return `the modality is ${plain(said)}`;
  if (/PLANE/u.test(type) && /^(?:what|which|in what|in which)\b.*\b(?:plane|view|section|orientation)/iu.test(asked))
    return `the plane is ${plain(said)}`;
  if (/ORGAN/u.test(type) && /^(?:what|which)\b/iu.test(asked)) return `the image shows ${plain(said)}`;
  const where = /^where (is|are) (the .+?)(?: located)?$/iu.exec(asked);
  if (where !== null) return `${where[2]} ${where[1]!.toLowerCase()} located: ${plain(said)}`;
  return undefined;
}

/** An answer inside a sentence: "Axial" → "axial", but "CT" and "X-ray" stay. */
function plain(said: string): string {
  return /^[A-Z][a-z]/u.test(said) ? said[0]!.toLowerCase() + said.slice(1) : said;
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
