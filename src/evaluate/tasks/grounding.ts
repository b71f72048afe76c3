import type { GroundingEntry } from '../../config/evaluate.js';
import type { GalleryItem } from '../../events/types.js';
import { putInterval } from '../classification.js';
import { heatPicture } from '../maps/heat-picture.js';
import { phraseMaps } from '../maps/phrase-maps.js';
import { contrastToNoise } from '../metrics/contrast-to-noise.js';
import {
  dice,
  intersectionOverUnion,
  meanIntersectionOverUnion,
  pixelCounts,
  pixelPrecision,
  pixelRecall,
} from '../metrics/overlap.js';
import { byLabel } from '../metrics/per-label.js';
import { put, type TaskContext, type TaskResult } from '../task.js';

type Measures = Record<string, number | undefined>;

/**
 * Phrase grounding: the map of a phrase over its picture against the union of the boxes drawn for it (Boecking et al. 2022, §4.2).
 * Reported are means over labels of the means over their phrases: `cnr` (absolute, as published; `cnr.signed` tells inverted
 * maps), `miou` over the thresholds, and with `calledAbove` overlap, Dice, precision and recall of the called pixels.
 */
export async function grounding(entry: GroundingEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const labels: string[] = [];
  const measured: Measures[] = [];
  const gallery: GalleryItem[] = [];
  let unseen = 0;
  let flat = 0;
  for await (const phrase of phraseMaps(entry, context, notes)) {
    const { map, truth, label, words, sample, row } = phrase;
    labels.push(label);
    // Regions that the model was never shown say nothing about it.
    if (pixelCounts(map.values, truth, 0).truth === 0) {
      measured.push({});
      unseen++;
      continue;
    }
    const signed = contrastToNoise(map.values, truth);
    if (signed === undefined) flat++;
    const measures: Measures = {
      cnr: signed === undefined ? undefined : Math.abs(signed),
      'cnr.signed': signed,
      miou: meanIntersectionOverUnion(map.values, truth, entry.thresholds),
    };
    if (entry.calledAbove !== undefined) {
      const counts = pixelCounts(map.values, truth, entry.calledAbove);
      measures['iou'] = intersectionOverUnion(counts);
      measures['dice'] = dice(counts);
      measures['pixel-precision'] = pixelPrecision(counts);
      measures['pixel-recall'] = pixelRecall(counts);
    }
    measured.push(measures);
    if (gallery.length < entry.gallery) {
      const image = context.rows.image(row);
      const text = `${label}: ${words}${measures['cnr'] === undefined ? '' : ` (CNR ${measures['cnr'].toFixed(3)})`}`;
      if (image) gallery.push({ sample, image: await heatPicture(image, phrase), text, best: [], worst: [] });
    }
  }
  const names = [...new Set(measured.flatMap((one) => Object.keys(one)))];
  if (unseen > 0)
    notes.push(`${unseen} of ${labels.length} phrases take no part: their regions lie outside what the model saw`);
  if (flat > 0) notes.push(`${flat} of ${labels.length} phrases have no CNR: their map is flat inside and outside`);
  const metrics: Record<string, number> = {};
  const columns = names.map((name) => ({
    name,
    ...byLabel(
      labels,
      measured.map((one) => one[name]),
    ),
  }));
  for (const { name, macro } of columns) put(metrics, name, macro());
  for (const { name, macro } of columns) putInterval(metrics, name, labels.length, entry.bootstrap, macro);
  const all = [...new Set(labels)].sort();
  for (const name of ['cnr', 'miou']) {
    const column = columns.find((one) => one.name === name);
    for (const label of all) put(metrics, `${name}.${label}`, column?.means().get(label));
  }
  return {
    metrics,
    samples: labels.length - unseen,
    table: {
      columns: ['label', 'phrases', ...names],
      rows: all.map((label) => [
        label,
        labels.filter((one) => one === label).length,
        ...columns.map(({ means }) => means().get(label) ?? '–'),
      ]),
    },
    ...(entry.gallery > 0 ? { gallery } : {}),
    notes,
  };
}
