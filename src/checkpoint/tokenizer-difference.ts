/** Whether two texts of tokenizer.json cut words alike, wherever they come from. */
interface TokenizerJson {
  model?: { type?: string; vocab?: Record<string, number>; merges?: (string | [string, string])[]; unk_token?: string };
  normalizer?: { type?: string; lowercase?: boolean; strip_accents?: boolean | null } | null;
}

/** The first difference in words; nothing where both give the same ids. */
export function tokenizerDifference(one: string, other: string): string | undefined {
  if (one === other) return undefined;
  const [a, b] = [one, other].map((json) => JSON.parse(json) as TokenizerJson) as [TokenizerJson, TokenizerJson];
  if (a.model?.type !== b.model?.type) return `${b.model?.type} instead of ${a.model?.type}`;
  const [vocabulary, theirs] = [a, b].map(({ model }) => Object.entries(model?.vocab ?? {})) as [
    [string, number][],
    [string, number][],
  ];
  if (vocabulary.length !== theirs.length) return `${theirs.length} pieces instead of ${vocabulary.length}`;
  const moved = vocabulary.find(([piece, id]) => b.model?.vocab?.[piece] !== id);
  if (moved) return `'${moved[0]}' is ${b.model?.vocab?.[moved[0]] ?? 'no piece'} instead of ${moved[1]}`;
  if (merges(a) !== merges(b)) return 'other merges';
  const [case_, theirCase] = [a, b].map(caseOf) as [string, string];
  return case_ === theirCase ? undefined : `${theirCase} instead of ${case_}`;
}

const merges = ({ model }: TokenizerJson) =>
  (model?.merges ?? []).map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))).join('\n');

function caseOf({ normalizer }: TokenizerJson): string {
  if (normalizer?.type !== 'BertNormalizer') return 'its own case';
  const { lowercase = true, strip_accents } = normalizer;
  return `${lowercase ? 'lower case' : 'case kept'}, ${(strip_accents ?? lowercase) ? 'accents stripped' : 'accents kept'}`;
}
