/** ChiMed-VL: figures of PubMed Central with Chinese texts, translated by a program; one row a conversation of its lists. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow, SourceText } from '../../src/data/adapter.js';
import { jsonItems } from '../../src/data/formats/json-members.js';
import { GadoliniumError } from '../../src/errors.js';

const options = z.strictObject({
  /** alignment: texts about figures; instruction: questions and answers about them. */
  part: z.enum(['alignment', 'instruction', 'both']).default('alignment'),
  /** Folder of the figures. */
  images: z.string().default('images'),
});
type Options = z.infer<typeof options>;

const adapter: DatasetAdapter<Options> = {
  name: 'chimed-vl',
  title: 'ChiMed-VL',
  version: '1',
  licence: 'unstated',
  licenceText: "none stated; figures are under their articles' licences",
  access:
    'open: the lists are the data set williamliu/ChiMed-VL of the Hugging Face hub; figures come from PMC-OA and its like',
  modalities: ['FIG'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule:
      'the release has no splits: drawn by the hash of the article (PMC number); train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const images = isAbsolute(options.images) ? options.images : join(from, options.images);
    for (const file of lists(from, options)) {
      let row = 0;
      for await (const item of jsonItems(join(from, file))) {
        yield toRow(item, file, images, { file, row });
        row++;
      }
    }
  },
};
export default adapter;

const isInstruction = (file: string) => /instruct/iu.test(file);

/** JSON files there and one folder below, by the part that their path names: without 'instruct' it is alignment. */
function lists(from: string, { part, images }: Options): string[] {
  const inside = (folder: string) =>
    readdirSync(join(from, folder))
      .filter((name) => /\.json(?:\.gz)?$/u.test(name))
      .map((name) => (folder === '' ? name : `${folder}/${name}`));
  const folders = existsSync(from)
    ? ['', ...readdirSync(from).filter((name) => name !== images && statSync(join(from, name)).isDirectory())]
    : [];
  const found = folders.flatMap(inside).sort();
  const wanted = found.filter((file) => part === 'both' || isInstruction(file) === (part === 'instruction'));
  if (wanted.length > 0) return wanted;
  throw GadoliniumError.expected(
    'no-source',
    `JSON lists of the part '${part}'`,
    `the ChiMed-VL release ${from}`,
    found.join(', ') || 'none',
  );
}

function toRow(
  item: unknown,
  file: string,
  images: string,
  origin: Origin & { row: number },
): SourceRow | SourceReject {
  const reject = (code: string, reason: string, field: string): SourceReject => ({
    reject: { code, reason, field, origin },
  });
  const { id, image, conversations } = (item ?? {}) as Record<string, unknown>;
  const names = (Array.isArray(image) ? image : [image]).filter((name) => typeof name === 'string' && name !== '');
  if (names.length === 0) return reject('missing_image', 'no name of a picture', 'image');
  const turns = turnsOf(conversations);
  if (turns === undefined) return reject('bad_conversation', 'not pairs of what human and gpt say', 'conversations');
  const paths = names as string[];
  const article = /PMC\d+/u.exec(paths[0]!)?.[0];
  return {
    // Ids of two lists may be the same numbers.
    id: `${parse(file).name}:${id ?? origin.row}`,
    study: parse(paths[0]!).name,
    group: article ?? parse(paths[0]!).name,
    images: paths.map((path) => ({ id: parse(path).name, file: join(images, path), modality: 'FIG', field: 'image' })),
    texts: isInstruction(file) ? questionsAndAnswers(turns) : described(turns, file),
    sourceRef: paths[0]!,
    origin,
  };
}

/** Pairs of what a human and what the model says; undefined where they do not take turns. */
function turnsOf(said: unknown): { asked: string; answer: string }[] | undefined {
  if (!Array.isArray(said) || said.length === 0 || said.length % 2 !== 0) return undefined;
  const turns: { asked: string; answer: string }[] = [];
  for (let i = 0; i < said.length; i += 2) {
    const [human, gpt] = [said[i], said[i + 1]] as Record<string, unknown>[];
    if (human?.['from'] !== 'human' || gpt?.['from'] !== 'gpt') return undefined;
    if (typeof human['value'] !== 'string' || typeof gpt['value'] !== 'string') return undefined;
    // Where the picture goes in the model's input.
    turns.push({ asked: human['value'].replaceAll('<image>', '').trim(), answer: gpt['value'].trim() });
  }
  return turns;
}

const shared = { lang: 'zh', origin: 'translated', field: 'conversations' } as const;

/** What is asked is one of a few prompts and says nothing of the figure. */
const described = (turns: { answer: string }[], file: string): SourceText[] =>
  turns.map(({ answer }) => ({ ...shared, kind: /context/iu.test(file) ? 'context' : 'caption', body: answer }));

const questionsAndAnswers = (turns: { asked: string; answer: string }[]): SourceText[] =>
  turns.flatMap(({ asked, answer }, group): SourceText[] => [
    { ...shared, kind: 'question', body: asked, group },
    { ...shared, kind: 'answer', body: answer, group },
  ]);
