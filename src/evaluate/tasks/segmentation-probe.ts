import type { SegmentationProbeEntry } from '../../config/evaluate.js';
import { Draws } from '../../data/draws.js';
import { GadoliniumError } from '../../errors.js';
import { putInterval } from '../classification.js';
import { gridSide, inputGeometry, seenWindow } from '../maps/heat-map.js';
import { maskOfInput, regionMask } from '../maps/region-mask.js';
import { dice, intersectionOverUnion, pixelCounts } from '../metrics/overlap.js';
import { meanOfDefined } from '../metrics/per-class.js';
import { type Segmented, segmentationMap, trainSegmenter } from '../probes/patch-segmenter.js';
import { trainingRows } from '../probes/training-rows.js';
import { embedRows, put, rowsOf, type TaskContext, type TaskResult } from '../task.js';
import { takeRows } from '../vectors.js';

/**
 * Segmentation by a linear head on frozen patches (LoVT, Müller et al. 2022): trained on shares of split `train`, stopped by split
 * `valid`, measured in the pixels that the model saw, called where the logit is above 0.
 *   `dice`: mean over pictures with regions;  `dice.all`: over all, where one without regions counts 1 if nothing is called, else 0
 *   (the rule of SIIM-ACR);  `iou`: as `dice`.
 * Memory: 4 bytes · rows · patches · width, and a byte for each pixel of each mask.
 */
export async function segmentationProbe(entry: SegmentationProbeEntry, context: TaskContext): Promise<TaskResult> {
  const notes: string[] = [];
  const modality = entry.patches.split('.')[0]!;
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
  const { train, valid } = trainingRows(entry, context.rows, 'a segmentation probe', notes);
  const load = (rows: Uint32Array) => segmented(entry, context, rows, geometry, notes);
  const [training, validation, held] = [
    await load(train),
    await load(valid),
    await load(rowsOf(context.rows, entry.split)),
  ];
  const count = training.patches.shape?.[0] ?? 0;
  const side = gridSide(count, entry.patches);
  const options = { ...entry, side, size: geometry.size };

  const metrics: Record<string, number> = {};
  const table: (string | number)[][] = [];
  const order = new Draws(entry.seed).shuffle(Uint32Array.from(training.masks, (_, i) => i));
  for (const fraction of entry.fractions) {
    const share = `${Number((fraction * 100).toPrecision(6))}%`;
    const places = order.slice(0, Math.ceil(fraction * order.length)).sort();
    const drawn = {
      patches: takeRows(training.patches, places),
      masks: Array.from(places, (i) => training.masks[i]!),
    };
    const weights = trainSegmenter(drawn, validation, options);
    const counts = held.masks.map((mask, i) =>
      pixelCounts(segmentationMap(held.patches, i, weights, options), mask, 0),
    );
    const dices = counts.map((one) => (one.truth > 0 ? dice(one) : undefined));
    const all = counts.map((one) => (one.truth > 0 ? dice(one)! : Number(one.called === 0)));
    const overlaps = counts.map((one) => (one.truth > 0 ? intersectionOverUnion(one) : undefined));
    put(metrics, `${share}.dice`, meanOfDefined(dices));
    put(metrics, `${share}.dice.all`, meanOfDefined(all));
    put(metrics, `${share}.iou`, meanOfDefined(overlaps));
    putInterval(metrics, `${share}.dice`, dices.length, entry.bootstrap, (weight) => {
      const own = dices.flatMap((value, i) => (value === undefined ? [] : [[weight[i]!, value] as const]));
      const total = own.reduce((sum, [n]) => sum + n, 0);
      return total > 0 ? own.reduce((sum, [n, value]) => sum + n * value, 0) / total : undefined;
    });
    table.push([
      share,
      places.length,
      ...['dice', 'dice.all', 'iou'].map((name) => metrics[`${share}.${name}`] ?? '–'),
    ]);
  }
  return {
    metrics,
    samples: held.masks.length,
    table: { columns: ['labels', 'training rows', 'dice', 'dice.all', 'iou'], rows: table },
    notes,
  };
}

async function segmented(
  entry: SegmentationProbeEntry,
  context: TaskContext,
  wanted: Uint32Array,
  geometry: ReturnType<typeof inputGeometry>,
  notes: string[],
): Promise<Segmented> {
  const { rows, features } = await embedRows(context, wanted, [entry.patches], notes, false);
  const regions = context.rows.regions(rows);
  const sizes = context.rows.imageSizes(rows);
  const samples = context.rows.sampleIds(rows);
  const masks = Array.from(rows, (_, i) => {
    const image = sizes[i]![0]!;
    const own = regions[i]!.filter(
      (region) => region.image === 0 && (entry.regions === undefined || entry.regions.includes(region.label)),
    );
    const mask = regionMask(own, image, samples[i]!);
    return maskOfInput(mask, image.source, seenWindow(image.source, geometry), geometry.size);
  });
  return { patches: features[entry.patches]!, masks };
}
