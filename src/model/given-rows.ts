/**
 * Texts and pictures given at hand (prompts of zero-shot, `embed --images`) as a small data folder, so that they take the very way
 * that training data take: same tokenizer, same storage, same native reading.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Options } from '../config/parts.js';
import { type PictureOptions, pictureRecipe, storedPicture } from '../data/picture.js';
import { imageItem, textItem } from '../data/prepare/row-record.js';
import { datasetSchema } from '../data/schema.js';
import type { TextTokenizer } from '../data/tokenizer.js';
import { type Row, ShardWriter } from '../data/writer.js';
import { GadoliniumError } from '../errors.js';

/** `filter` below: options of the input that will read the rows; of a list of what it lets pass, the first is taken. */
const first = (filter: Options, name: string) => (filter[name] as readonly string[] | undefined)?.[0];

/** Writes one row a text; returns the folder (the caller removes it). */
export async function givenTexts(
  texts: readonly string[],
  tokenizer: TextTokenizer | undefined,
  filter: Options,
): Promise<string> {
  if (!tokenizer)
    throw GadoliniumError.expected('no-tokenizer', 'a tokenizer in the checkpoint', 'embedding texts', 'none');
  const sentences = await tokenizer.encodeSentences(texts);
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

/** Writes one row a picture file. Throws `bad-image` naming the file. */
export async function givenImages(
  files: readonly string[],
  settings: PictureOptions | undefined,
  filter: Options,
): Promise<string> {
  if (!settings)
    throw GadoliniumError.expected('no-images', 'a model of pictures in the checkpoint', 'embedding images', 'none');
  const rows: Row[] = [];
  for (const file of files) {
    try {
      const picture = await storedPicture(file, settings);
      rows.push({
        ...row(file),
        images: [
          imageItem(
            { id: basename(file), modality: 'FIG', view: first(filter, 'projections') },
            picture,
            pictureRecipe(settings),
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
