/**
 * A caption without the figure's number in front of it ("Figure 4.", "FIG. 2:", "Fig 3 | "), which says nothing of the picture.
 * Where the number is part of a sentence ("Figure 2 shows", "Figures 1 and 2") everything stays.
 */
export function withoutFigureNumber(caption: string): string {
  const text = caption.trim();
  const rest = text.replace(NUMBER, '');
  return rest === '' ? text : rest;
}

const WORD = /(?:[Ss]upplement(?:ary|al)\s+)?(?:[Ff]igure|FIGURE|[Ff]ig\.?|FIG\.?)/u.source;
/** 4, S4, 12a, IV. */
const NUMERAL = /(?:S?\d+[a-z]?|[IVX]+)/u.source;
/** A stop, colon or bar; a dash between blanks; or, without any, a capital, a bracket or a digit right behind. */
const END = /(?:\s*[.:|](?!\d)\s*|\s+[–—-]\s+|\s+(?=[(]|[A-Z][a-z]))/u.source;
const NUMBER = new RegExp(`^${WORD}\\s*${NUMERAL}${END}`, 'u');
