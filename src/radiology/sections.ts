/**
 * A radiology report into its sections, by the rules that MIMIC-CXR's authors used for their own labels and section tables
 * (the parser that they publish beside the data; the rules, in our words). Reports of other hospitals that write headings in
 * capitals at the start of a line come out sensibly too.
 */
import { sectionName } from './section-names.js';

export interface Section {
  /** Normalised: impression, findings, comparison, indication, history, technique, …; `preamble` before the first heading,
   * `full report` where there is no heading, `last_paragraph` cut from the last section where nothing else concludes. */
  name: string;
  /** As it stands in the report, with its line breaks; not trimmed. */
  text: string;
}

/** A line of capitals that ends in a colon; reports start each line with one blank. */
const HEADING = /\n ([A-Z ()/,-]+):\s/g;
const BLANK_LINE = '\n \n';

/** The sections in order. Line breaks of any kind become \n. */
export function sectionsOf(report: string): Section[] {
  const text = withPlainBreaks(report);
  const sections = cut(text).filter(({ name, text }) => !concludes(name) || text.trim() !== '');
  if (!sections.some(({ name }) => concludes(name))) cutLastParagraph(sections);
  return sections;
}

/** The text of the last section of a name, trimmed; undefined where there is none, or an empty one. */
export function sectionText(sections: readonly Section[], name: string): string | undefined {
  const text = sections.findLast((section) => section.name === name)?.text.trim();
  return text === '' ? undefined : text;
}

/** In this order a section speaks for the whole study. */
const CONCLUSIONS = ['impression', 'findings', 'last_paragraph', 'comparison'];

/** The section that labels are read from: the last impression, else findings, else last paragraph, else comparison. */
export function conclusionOf(sections: readonly Section[]): Section | undefined {
  for (const name of CONCLUSIONS) {
    const found = sections.findLast((section) => section.name === name);
    if (found !== undefined) return { name, text: found.text.trim() };
  }
  return undefined;
}

export const withPlainBreaks = (report: string): string => report.replace(/\r\n?/g, '\n');

const concludes = (name: string) => name === 'impression' || name === 'findings';

function cut(text: string): Section[] {
  let found = heading(text, 0);
  if (found === undefined) return [{ name: 'full report', text }];
  const sections = [{ name: 'preamble', text: text.slice(0, found.at) }];
  while (found !== undefined) {
    const { name, end } = found;
    // The next heading is looked for from the end of this line on: a line holds one heading, and the line below an empty
    // section may hold the next.
    const newline = text.indexOf('\n', end);
    const next = heading(text, newline < 0 ? end : newline);
    sections.push({ name: sectionName(name), text: text.slice(end, next?.start) });
    found = next;
  }
  return sections;
}

interface Heading {
  name: string;
  /** Of the line break before it, of its first letter, and behind its colon and blank. */
  start: number;
  at: number;
  end: number;
}

function heading(text: string, from: number): Heading | undefined {
  HEADING.lastIndex = from;
  const match = HEADING.exec(text);
  if (match === null) return undefined;
  return { name: match[1]!, start: match.index, at: match.index + 2, end: HEADING.lastIndex };
}

/** Short reports put everything below one heading: what stands behind its first blank line is then the report. */
function cutLastParagraph(sections: Section[]): void {
  const last = sections.at(-1)!;
  const at = last.text.indexOf(BLANK_LINE);
  if (at < 0) return;
  sections.push({ name: 'last_paragraph', text: last.text.slice(at + BLANK_LINE.length) });
  last.text = last.text.slice(0, at);
}
