/** Labels in words, as FLAIR makes them: one attribute and one category at a time in a template. */

const TEMPLATE = 'A [ATR] fundus photograph of [CLS]';

/** Numbers of sets whose categories are words of their own (06 EYENET, 08 ODIR, 11 STARE, 31 JICHI): no expert's definition replaces them. */
export const OWN_WORDS: ReadonlySet<string> = new Set(['06', '08', '11', '31']);

/**
 * Every text that FLAIR may draw for a photograph; training draws one of them on each visit. FLAIR draws a category first and then
 * its own name or one of its definitions, so categories with many definitions come a little more often here.
 */
export function descriptionsOf(
  attributes: readonly string[],
  categories: readonly string[],
  definitions: ReadonlyMap<string, readonly string[]>,
): string[] {
  const words = categories.flatMap((category) => [category, ...(definitions.get(category) ?? [])]);
  const texts = (attributes.length === 0 ? [''] : attributes).flatMap((attribute) =>
    // Functions, since a dollar sign in a word must stay one.
    words.map((word) =>
      TEMPLATE.replace('[ATR]', () => attribute)
        .replace('[CLS]', () => word)
        .replaceAll('  ', ' '),
    ),
  );
  return [...new Set(texts)];
}
