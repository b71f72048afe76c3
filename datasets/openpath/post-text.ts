/**
 * What a post says, without what only its platform needs: addresses, @names, #tags, pictographs; HTML entities become their
 * signs, and blanks one blank. Follows what the paper tells of its own cleaning, from memory.
 */
export function cleanedPost(text: string): string {
  return text
    .replace(/<[^<>]*>/gu, ' ')
    .replace(/&(amp|lt|gt|quot|#39);/gu, (_, name: string) => ENTITIES[name]!)
    .replace(/(?:https?:\/\/|www\.)\S+/giu, ' ')
    .replace(/(?<![\p{L}\p{N}&])[@#][\p{L}\p{N}_]+/gu, ' ')
    .replace(PICTOGRAPHS, ' ')
    .replace(/\s+/gu, ' ')
    .trim();
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };

/** With their joiners, variation selectors and skin colours; © and ™ are no pictographs here. */
const PICTOGRAPHS =
  /(?:(?![©®™])\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|\u{FE0F}|\u{200D}|\u{20E3})/gu;

/** Words with a letter in them. */
export const wordCount = (text: string) => text.match(/[^\s]*\p{L}[^\s]*/gu)?.length ?? 0;
