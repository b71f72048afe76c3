/** A worked row as the plain values of the schema's columns. */
import type {
  DatasetAdapter,
  LabelVocabulary,
  SourceDescription,
  SourceImage,
  SourceLabel,
  SourceRegion,
  SourceText,
  Split,
} from '../adapter.js';
import type { StoredPicture } from '../pictures/picture.js';
import { LABEL_CODES } from '../shards/schema.js';
import type { Row } from '../shards/writer.js';
import { runsAt } from './mask-runs.js';
import type { KeptRow } from './row-work.js';

export interface RecordContext {
  adapter: Pick<DatasetAdapter, 'name' | 'licence'>;
  description: SourceDescription;
  recipe: string;
}

/** @param tokens ids by text, sentence, token; empty where there is no tokenizer. */
export function recordOf(
  { row, images, priorImages, texts, flags }: KeptRow,
  split: Split,
  tokens: readonly number[][][],
  { adapter, description, recipe }: RecordContext,
): Row {
  const places = new Map(images.map((image, place) => [image.index, place]));
  return {
    dataset: adapter.name,
    sample_id: row.id,
    patient_id: row.patient ?? null,
    study_id: row.study ?? null,
    split,
    study_time: row.time ?? null,
    time_order: row.order ?? null,
    prior_ids: row.priors ?? null,
    images: images.map(({ picture, index }) => imageItem(row.images[index]!, picture, recipe)),
    texts: texts.map((text, i) =>
      textItem(
        text,
        tokens[i]!,
        // Places among the images that were kept.
        text.images?.map((image) => places.get(image)).filter((place) => place !== undefined),
      ),
    ),
    labels: (row.labels ?? []).map((label) => ({ ...label, value: label.value ?? null })),
    label_vec: labelVector(description.labels ?? [], row.labels ?? []),
    meta: row.meta ?? null,
    licence: adapter.licence,
    source_ref: row.sourceRef ?? null,
    flags: [...new Set(flags)],
    weight: row.weight ?? 1,
    regions: regionsOf(row, images, texts),
    prior_images: priorImages.map(({ picture, index }) => imageItem(row.priorImages![index]!, picture, recipe)),
    ...Object.fromEntries(Object.keys(description.arrays ?? {}).map((name) => [name, row.arrays?.[name] ?? null])),
  };
}

/**
 * Every name of every vocabulary, one number each. In a class vocabulary one positive name makes the others negative; what is
 * not said of a finding is missing.
 */
export function labelVector(vocabularies: readonly LabelVocabulary[], labels: readonly SourceLabel[]): Int8Array {
  const codes: number[] = [];
  for (const { vocab, kind, names } of vocabularies) {
    const own = labels.filter((label) => label.vocab === vocab);
    const decided = kind === 'class' && own.some((label) => label.state === 'positive');
    for (const name of names) {
      const state = own.find((label) => label.name === name)?.state ?? (decided ? 'negative' : 'missing');
      codes.push(LABEL_CODES[state]);
    }
  }
  return Int8Array.from(codes);
}

/** Regions of what was kept, from pixels of the source to those of the stored image; null where the row has none. */
function regionsOf(
  { regions, texts: all }: KeptRow['row'],
  images: KeptRow['images'],
  texts: readonly SourceText[],
): Row[] | null {
  if (!regions?.length) return null;
  // Blank texts were left out, so places among the kept ones are lower.
  const kept = all.flatMap(({ body }, i) => (body.trim() === '' ? [] : [i])).slice(0, texts.length);
  return regions.flatMap((region) => {
    const place = images.findIndex(({ index }) => index === region.image);
    const text = region.text === undefined ? null : kept.indexOf(region.text);
    if (place < 0 || text === -1) return [];
    return [regionItem(region, place, text, images[place]!.picture)];
  });
}

/** An item of the column `regions`. @param place of its image among the kept ones. @param text likewise. */
export function regionItem(
  { kind, label, coords, rater, score }: Omit<SourceRegion, 'image' | 'text'>,
  place: number,
  text: number | null,
  picture: Pick<StoredPicture, 'height' | 'width' | 'source_height' | 'source_width'>,
): Row {
  const scale = [picture.width / picture.source_width, picture.height / picture.source_height];
  const runs = kind === 'rle';
  const source = { width: picture.source_width, height: picture.source_height };
  return {
    image_index: place,
    kind,
    label: label ?? null,
    text_index: text,
    coords: runs ? null : coords.map((value, i) => value * scale[i % 2]!),
    rle: runs ? runsAt(coords, source, picture) : null,
    rater: rater ?? null,
    score: score ?? null,
  };
}

/** An item of the column `images`. @param recipe in words, how the picture was made (picture.ts). */
export function imageItem(
  { id, modality, view }: Pick<SourceImage, 'id' | 'modality'> & { view?: string | undefined },
  picture: StoredPicture,
  recipe: string,
): Row {
  return {
    image_id: id,
    data: picture.data,
    codec: picture.codec,
    modality,
    view: view ?? null,
    depth: 1,
    height: picture.height,
    width: picture.width,
    channels: picture.channels,
    frames: 1,
    dtype: 'uint8',
    bits_stored: picture.bits_stored,
    photometric: picture.photometric,
    inverted: picture.inverted,
    source_height: picture.source_height,
    source_width: picture.source_width,
    value_range: picture.value_range,
    recipe,
    sha256: picture.sha256,
  };
}

/** An item of the column `texts`. @param sentences token ids by sentence. @param images places of the pictures it describes. */
export function textItem(
  { kind, lang, body, origin, group }: Pick<SourceText, 'lang' | 'body' | 'origin' | 'group'> & { kind: string },
  sentences: readonly number[][],
  images: readonly number[] = [],
): Row {
  return {
    kind,
    lang,
    body,
    origin,
    image_index: images,
    group: group ?? null,
    tokens: sentences.reduce((sum, sentence) => sum + sentence.length, 0),
    sentences,
  };
}
