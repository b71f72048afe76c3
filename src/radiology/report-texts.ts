/** The parts of a report that training reads, by kind. */
import { CONCLUDING_RANGE, CONCLUDING_SECTION } from './mimic-exceptions.js';
import { sectionsOf, sectionText, withPlainBreaks } from './sections.js';

/** Sections that become texts, in the order of a row; the others (examination, wet read, addendum, …) are left out. */
const KINDS = {
  findings: 'findings',
  impression: 'impression',
  last_paragraph: 'last_paragraph',
  comparison: 'comparison',
  indication: 'indication',
  history: 'history',
  technique: 'technique',
  recommendations: 'recommendation',
} as const;

/** Kinds that say what is seen. The others say why it was looked for, how, and beside what: recipes read any text of a row, and would learn those too. */
const DESCRIBING: ReadonlySet<string> = new Set(['findings', 'impression', 'last_paragraph', 'report']);

/** Whether a kind of text describes the study; `wanted` is a data set's option `sections`. */
export const isWanted = (kind: string, wanted: 'describing' | 'all' = 'describing'): boolean =>
  wanted === 'all' || DESCRIBING.has(kind);

export interface ReportText {
  kind: (typeof KINDS)[keyof typeof KINDS];
  body: string;
}

/**
 * Each section's last occurrence, trimmed, in one fixed order; those that are blank are left out.
 * @param study id such as s50414267: reports on the exceptions list of MIMIC-CXR give the one text that is right, as
 * `last_paragraph`.
 */
export function reportTexts(report: string, study?: string): ReportText[] {
  const range = study === undefined ? undefined : CONCLUDING_RANGE[study];
  if (range !== undefined) return whole(withPlainBreaks(report).slice(...range));
  const sections = sectionsOf(report);
  const name = study === undefined ? undefined : CONCLUDING_SECTION[study];
  if (name !== undefined) return whole(sectionText(sections, name) ?? '');
  return Object.entries(KINDS).flatMap(([name, kind]) => {
    const body = sectionText(sections, name);
    return body === undefined ? [] : [{ kind, body }];
  });
}

const whole = (text: string): ReportText[] =>
  text.trim() === '' ? [] : [{ kind: 'last_paragraph', body: text.trim() }];
