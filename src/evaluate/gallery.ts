import { Draws } from '../data/draws.js';
import { toSharp } from '../data/pictures/stored-picture.js';
import type { GalleryItem } from '../events/types.js';
import type { FeatureMatrix } from './embedder.js';
import type { EvaluationRows, StoredImage } from './rows.js';
import { nearest, takeRows } from './vectors.js';

export interface GalleryRequest {
  source: EvaluationRows;
  /** Row number of each sample, and its words. */
  rows: Uint32Array;
  words: readonly string[];
  /** Normalised feature of each sample's picture. */
  pictures: FeatureMatrix;
  /** Candidate texts and the sample that each belongs to. */
  texts: FeatureMatrix;
  textRows: Uint32Array;
  count: number;
  /** Texts shown at each end; default 3. */
  ends?: number;
}

/** Longest side of a gallery picture in pixels: readable on a page, small enough to lie inside it. */
const SIDE = 224;
/** Longer texts are cut for display. */
const LETTERS = 400;

/** Some samples, drawn by a fixed seed, each with the candidate texts that the model finds most and least fitting. */
export async function makeGallery(request: GalleryRequest): Promise<GalleryItem[]> {
  const { source, rows, words, pictures, texts, textRows, ends = 3 } = request;
  const order = new Draws(0).shuffle(Uint32Array.from(rows, (_, i) => i));
  const items: GalleryItem[] = [];
  for (const i of order) {
    if (items.length === request.count) break;
    const stored = source.image(rows[i]!);
    if (!stored) continue;
    const image = await picture(stored);
    const own = takeRows(pictures, [i]);
    const end = (sign: 1 | -1) => {
      const found = nearest(own, texts, ends, sign);
      return Array.from(found.candidates, (t, r) => ({
        text: cut(words[textRows[t]!]!),
        score: found.scores[r]!,
      }));
    };
    const sample = source.sampleIds(rows.subarray(i, i + 1))[0]!;
    items.push({ sample, image, text: cut(words[i]!), best: end(1), worst: end(-1) });
  }
  return items;
}

/** A stored image as a data: URL of a small JPEG. */
export async function picture(image: StoredImage): Promise<string> {
  const small = await toSharp(image)
    .resize({ width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 80 })
    .toBuffer();
  return `data:image/jpeg;base64,${small.toString('base64')}`;
}

function cut(text: string): string {
  return text.length > LETTERS ? `${text.slice(0, LETTERS)}…` : text;
}
