/**
 * Texts and pictures given at hand (prompts of zero-shot, `embed --images`) as a small data folder, so that they take the very way
 * that training data take: same tokenizer, same storage, same native reading.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { PictureReading, TextReading } from '../checkpoint/metadata.js';
import type { Options } from '../config/parts.js';
import { type PictureOptions, pictureRecipe, storedPicture } from '../data/pictures/picture.js';
import { imageItem, textItem } from '../data/prepare/row-record.js';
import { datasetSchema } from '../data/shards/schema.js';
import { type Row, ShardWriter } from '../data/shards/writer.js';
import type { TextTokenizer } from '../data/tokenizer/tokenizer.js';
import { GadoliniumError } from '../errors.js';
import { pillowPicture, pillowRecipe } from './pillow-picture.js';

/** `filter` below: options of the input that will read the rows; of a list of what it lets pass, the first is taken. */
const first = (filter: Options, name: string) => (filter[name] as readonly string[] | undefined)?.[0];

/** Writes one row a text; returns the folder (the caller removes it). With `reading`, texts are taken as official inference takes them. */
export async function givenTexts(
  given: readonly string[],
  tokenizer: TextTokenizer | undefined,
  filter: Options,
  reading?: TextReading,
): Promise<string> {
  if (!tokenizer)
    throw GadoliniumError.expected(
      'no-tokenizer',
      'a tokenizer in the checkpoint',
      'embedding texts',
      'none',
      'import the weights with their vocabulary: --tokenizer vocab.txt',
    );
  const texts = reading ? given.map((text, i) => prompt(text, i, reading)) : given;
  const sentences = await tokenizer.encodeSentences(texts);
  if (reading) requireLength(sentences, tokenizer, Number(filter['maxTokens'] ?? Number.POSITIVE_INFINITY));
  return written(
    texts.map((body, i) => ({
      ...row(`text-${i}`),
      images: [],
      texts: [
        textItem(
          { kind: first(filter, 'kinds') ?? 'prompt', lang: first(filter, 'languages') ?? 'en', body, origin: 'human' },
          sentences[i] ?? [],
        ),
      ],
    })),
  );
}

const SPECIAL = /\[(CLS|SEP|PAD|UNK)\]/;

function prompt(text: string, i: number, { strip }: TextReading): string {
  let end = text.length;
  while (end > 0 && strip.includes(text[end - 1] as string)) end--;
  const kept = text.slice(0, end);
  const special = SPECIAL.exec(kept)?.[0];
  if (special)
    throw GadoliniumError.expected('bad-text', 'a text without special tokens but [MASK]', `text ${i + 1}`, special);
  if (kept.trim() === '') throw GadoliniumError.expected('bad-text', 'words', `text ${i + 1}`, text);
  return kept;
}

/** Official inference refuses what does not fit, where training cuts it. */
function requireLength(sentences: readonly number[][][], { summary }: TextTokenizer, most: number): void {
  const around = Number(summary.special.start !== null) + Number(summary.special.end !== null);
  for (const [i, ids] of sentences.entries()) {
    const count = ids.reduce((sum, sentence) => sum + sentence.length, around);
    if (count > most) throw GadoliniumError.expected('bad-text', `at most ${most} tokens`, `text ${i + 1}`, count);
  }
}

/** Writes one row a picture file. Throws `bad-image` naming the file. */
export async function givenImages(
  files: readonly string[],
  settings: PictureOptions | PictureReading | undefined,
  filter: Options,
): Promise<string> {
  if (!settings)
    throw GadoliniumError.expected('no-images', 'a model of pictures in the checkpoint', 'embedding images', 'none');
  const rows: Row[] = [];
  for (const file of files) {
    try {
      const picture = await ('levels' in settings ? pillowPicture(file, settings) : storedPicture(file, settings));
      rows.push({
        ...row(file),
        images: [
          imageItem(
            { id: basename(file), modality: 'FIG', view: first(filter, 'projections') },
            picture,
            'levels' in settings ? pillowRecipe(settings) : pictureRecipe(settings),
          ),
        ],
        texts: [],
      });
    } catch (cause) {
      if (cause instanceof GadoliniumError) throw cause;
      throw new GadoliniumError('bad-image', `could not read the image ${file}: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  return written(rows);
}

function row(id: string): Row {
  return {
    dataset: 'given',
    sample_id: id,
    patient_id: null,
    study_id: null,
    split: 'test',
    labels: [],
    label_vec: new Int8Array(0),
    meta: null,
    licence: 'unknown',
    source_ref: null,
    flags: [],
    weight: 1,
  };
}

function written(rows: readonly Row[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'gadolinium-given-'));
  const writer = new ShardWriter(folder, datasetSchema(new Map()));
  for (let at = 0; at < rows.length; at += 256) writer.batch(rows.slice(at, at + 256), () => {});
  writer.finish();
  return folder;
}
