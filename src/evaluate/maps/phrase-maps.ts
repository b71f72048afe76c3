/** Heat maps of phrases beside the regions that they speak of: what grounding and the pointing game share. */
import type { HeatMapEntry } from '../../config/evaluate.js';
import { GadoliniumError } from '../../errors.js';
import type { FeatureMatrix } from '../embedder.js';
import type { ImageSize, StoredRegion } from '../rows.js';
import { embedTexts, rowsOf, type TaskContext } from '../task.js';
import { normalised } from '../vectors.js';
import { gridSide, type HeatMap, inputGeometry, seenWindow, smoothed, spread } from './heat-map.js';
import { maskOfInput, regionMask } from './region-mask.js';

/** A phrase (or a label without words) and the regions of one row's picture that it speaks of. */
interface Phrase {
  row: number;
  sample: string;
  label: string;
  words: string;
  regions: StoredRegion[];
  image: ImageSize;
}

export interface PhraseMap extends Phrase {
  map: HeatMap;
  /** 1 inside the union of the regions, over the pixels of `map`. */
  truth: Uint8Array;
}

/** Rows whose patches are held at a time: 64 rows of 15 × 15 × 2048 numbers are 118 MB. */
const ROWS_AT_A_TIME = 64;

/** All phrases of the entry's split with their maps, row by row. What is left out is said in `notes`. */
export async function* phraseMaps(
  entry: HeatMapEntry,
  context: TaskContext,
  notes: string[],
): AsyncGenerator<PhraseMap> {
  const phrases = phrasesOf(entry, context, notes);
  const { maps } = entry;
  const name = maps.of === 'similarity' ? maps.patches : maps.feature;
  const modality = name.split('.')[0]!;
  const input = context.inputs?.[modality];
  if (!input) {
    throw GadoliniumError.expected(
      'no-input',
      `an input '${modality}'`,
      'the model',
      Object.keys(context.inputs ?? {}),
    );
  }
  const geometry = inputGeometry(input.options ?? {});
  const texts = maps.of === 'similarity' ? await embeddedPhrases(phrases, maps.phrases, context) : undefined;

  let lost = 0;
  const rows = [...new Set(phrases.map(({ row }) => row))];
  for (let at = 0; at < rows.length; at += ROWS_AT_A_TIME) {
    const some = Uint32Array.from(rows.slice(at, at + ROWS_AT_A_TIME));
    const { features, present } = await context.embedder.embed({
      data: { kind: 'rows', data: context.data },
      rows: some,
      features: [name],
    });
    const patches = features[name];
    if (!patches)
      throw GadoliniumError.expected('no-feature', `a feature '${name}'`, 'the model', Object.keys(features));
    for (const [p, phrase] of phrases.entries()) {
      const place = some.indexOf(phrase.row);
      if (place < 0) continue;
      if (!present[place]) {
        lost++;
        continue;
      }
      const grid =
        maps.of === 'similarity'
          ? similarityGrid(patches, place, texts!.data.subarray(p * texts!.width, (p + 1) * texts!.width), phrase)
          : attentionGrid(patches, place, maps.queries[phrase.label]!, name);
      const side = gridSide(grid.length, name);
      const { source } = phrase.image;
      const window = seenWindow(source, geometry);
      const mask = regionMask(phrase.regions, phrase.image, phrase.sample);
      const smooth = smoothed(grid, side, entry.smooth);
      const whole = { height: geometry.size, width: geometry.size };
      yield entry.pixels === 'source'
        ? { ...phrase, map: spread(smooth, side, source, window, entry.interpolation), truth: mask }
        : {
            ...phrase,
            map: spread(smooth, side, whole, { top: 0, left: 0, ...whole }, entry.interpolation),
            truth: maskOfInput(mask, source, window, geometry.size),
          };
    }
  }
  if (lost > 0) notes.push(`${lost} of ${phrases.length} phrases lack a picture and were left out`);
}

/** One phrase for each text of a row that regions name, and for each label of regions that name none. */
function phrasesOf(entry: HeatMapEntry, context: TaskContext, notes: string[]): Phrase[] {
  const source = context.rows;
  const rows = rowsOf(source, entry.split);
  const regions = source.regions(rows);
  const sizes = source.imageSizes(rows);
  const texts = source.texts(rows);
  const samples = source.sampleIds(rows);
  const phrases: Phrase[] = [];
  const left = { image: 0, words: 0, query: 0 };
  for (const [i, row] of rows.entries()) {
    const groups = new Map<string, StoredRegion[]>();
    for (const region of regions[i]!) {
      const key = `${region.text ?? ''}|${region.label}`;
      groups.set(key, [...(groups.get(key) ?? []), region]);
    }
    for (const group of groups.values()) {
      const { text, label, image } = group[0]!;
      const size = sizes[i]![image];
      const words =
        text !== undefined ? texts[i]![text]?.body : entry.maps.of === 'similarity' ? entry.maps.words[label] : label;
      // The model is shown one picture of a row, the first.
      if (image !== 0 || !size || group.some((one) => one.image !== 0)) left.image++;
      else if (entry.maps.of === 'attention' && entry.maps.queries[label] === undefined) left.query++;
      else if (words === undefined) left.words++;
      else phrases.push({ row, sample: samples[i]!, label, words, regions: group, image: size });
    }
  }
  if (left.image > 0)
    notes.push(`${left.image} phrases speak of another picture than the first of their row and were left out`);
  if (left.words > 0)
    notes.push(`${left.words} groups of regions have no words and were left out (maps.words names them by label)`);
  if (left.query > 0) notes.push(`${left.query} groups of regions have a label without a query and were left out`);
  if (phrases.length === 0) {
    throw GadoliniumError.expected(
      'nothing-to-evaluate',
      'at least one region with words or a query',
      `split '${entry.split}' of ${source.name}`,
      'none',
      'the data set must be prepared with regions (boxes) in its rows',
    );
  }
  return phrases;
}

/** One normalised vector a phrase; phrases that repeat are embedded once. */
async function embeddedPhrases(
  phrases: readonly Phrase[],
  feature: string,
  { embedder }: TaskContext,
): Promise<FeatureMatrix> {
  const words = [...new Set(phrases.map((phrase) => phrase.words))];
  const raw = await embedTexts(embedder, words, feature);
  const each = normalised(raw, (i) => `the phrase '${words[i]}'`);
  const data = new Float32Array(phrases.length * each.width);
  for (const [p, phrase] of phrases.entries()) {
    const at = words.indexOf(phrase.words) * each.width;
    data.set(each.data.subarray(at, at + each.width), p * each.width);
  }
  return { data, rows: phrases.length, width: each.width };
}

/** Cosine of every patch of a sample with a normalised text. */
function similarityGrid(patches: FeatureMatrix, place: number, text: Float32Array, { sample }: Phrase): Float32Array {
  const width = text.length;
  if (patches.width % width !== 0) {
    throw GadoliniumError.expected(
      'feature-width',
      `patches of width ${width}, as the phrase has`,
      `sample ${sample}`,
      patches.shape?.join(' × ') ?? patches.width,
      'name projected patches (a head brings both to one width)',
    );
  }
  const grid = normalised(
    {
      data: patches.data.subarray(place * patches.width, (place + 1) * patches.width),
      rows: patches.width / width,
      width,
    },
    (patch) => `patch ${patch} of sample ${sample}`,
  );
  return Float32Array.from({ length: grid.rows }, (_, n) => {
    let sum = 0;
    for (let d = 0; d < width; d++) sum += grid.data[n * width + d]! * text[d]!;
    return sum;
  });
}

/** The attention of one query of a sample. */
function attentionGrid(matrix: FeatureMatrix, place: number, query: number, name: string): Float32Array {
  const [queries = 0, ...rest] = matrix.shape ?? [];
  if (queries === 0 || rest.length === 0 || query >= queries) {
    throw GadoliniumError.expected(
      'feature-width',
      `[queries, patches] with more than ${query} queries`,
      `feature '${name}'`,
      matrix.shape?.join(' × ') ?? 'one vector a sample',
    );
  }
  const patches = matrix.width / queries;
  const from = place * matrix.width + query * patches;
  return matrix.data.slice(from, from + patches);
}
