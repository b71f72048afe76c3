import { describe, expect, test } from 'vitest';
import { kernels } from '../../../src/index.js';

// The native proofs hold the kernels against references; here: that their face hands over the right numbers, and refuses wrong ones.

const wave = (count: number, phase: number) =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7 + phase));
const [rows, width] = [5, 64];
const [image, text] = [wave(rows * width, 0), wave(rows * width, 1)];
const score = (a: Float32Array, b: Float32Array, i: number, j: number) =>
  a.subarray(i * width, (i + 1) * width).reduce((sum, x, d) => sum + x * (b[j * width + d] as number), 0);
const logSumExp = (values: number[]) => {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, value) => sum + Math.exp(value - most), 0));
};
const all = [...Array(rows).keys()];

describe('contrast', () => {
  const scale = 0.125;
  const loss = (a: Float32Array, b: Float32Array, s = scale) => {
    const z = (i: number, j: number) => s * score(a, b, i, j);
    const row = all.map((i) => logSumExp(all.map((j) => z(i, j))) - z(i, i));
    const column = all.map((j) => logSumExp(all.map((i) => z(i, j))) - z(j, j));
    return [...row, ...column].reduce((sum, value) => sum + value, 0) / (2 * rows);
  };

  test('is the loss of its definition, with its gradients', async () => {
    const out = await kernels.contrast({ image, text, rows, width, scale });
    expect(out.loss).toBeCloseTo(loss(image, text), 5);
    expect(out.imageLogSumExp[2]).toBeCloseTo(logSumExp(all.map((j) => scale * score(image, text, 2, j))), 5);
    const step = 1e-2;
    for (const place of [0, 70, 319]) {
      for (const [gradient, shift] of [
        [
          out.imageGradient,
          (by: number) =>
            loss(
              image.map((x, i) => x + (i === place ? by : 0)),
              text,
            ),
        ],
        [
          out.textGradient,
          (by: number) =>
            loss(
              image,
              text.map((x, i) => x + (i === place ? by : 0)),
            ),
        ],
      ] as const)
        expect(gradient[place]).toBeCloseTo((shift(step) - shift(-step)) / (2 * step), 3);
    }
    expect(out.scaleGradient).toBeCloseTo(
      (loss(image, text, scale + 1e-3) - loss(image, text, scale - 1e-3)) / 2e-3,
      2,
    );
    const rank = all.map((i) => 1 + all.filter((j) => score(image, text, i, j) > score(image, text, i, i)).length);
    expect([...(out.imageRank ?? [])]).toEqual(rank);
  });

  test('leaves absent samples out, takes soft labels and more texts than images', async () => {
    const fewer = await kernels.contrast({
      image: image.subarray(0, 3 * width),
      text: text.subarray(0, 3 * width),
      rows: 3,
      width,
      scale,
    });
    const there = Uint8Array.of(1, 1, 1, 0, 0);
    const masked = await kernels.contrast({ image, text, rows, width, scale, imageThere: there });
    expect(masked.loss).toBeCloseTo(fewer.loss, 5);
    expect([...masked.imageGradient.subarray(3 * width)].every((x) => x === 0)).toBe(true);
    const soft = await kernels.contrast({
      image: image.subarray(0, 2 * width),
      text,
      rows: 2,
      columns: rows,
      width,
      scale,
      imageLabels: Float32Array.of(1, 0, 0, 1),
      textLabels: Float32Array.of(1, 0, 0, 1, 1, 1, 0, 0, 1, 0),
      classes: 2,
    });
    expect(soft.loss).toBeGreaterThan(0);
    expect(soft.imageGradient).toHaveLength(2 * width);
    expect(soft.imageRank).toBeUndefined();
  });

  test('takes listed positives, neutral pairs and negatives by their hardness', async () => {
    const own = Int32Array.from(all.flatMap((i) => [i, i]));
    const plain = await kernels.contrast({ image, text, rows, width, scale });
    for (const form of ['mean', 'apart', 'any'] as const) {
      const listed = await kernels.contrast({ image, text, rows, width, scale, positives: own, form });
      expect(listed.loss).toBeCloseTo(plain.loss, 5);
      expect(listed.imageGradient[70]).toBeCloseTo(plain.imageGradient[70] as number, 6);
    }
    // One text alone, of three images: image 4 stands aside for image 0 and has no positive itself.
    const z = (i: number, j: number) => scale * score(image, text, i, j);
    const out = await kernels.contrast({
      ...{ image, text, rows, width, scale, imageWeight: 1 },
      positives: Int32Array.of(0, 3, 2, 1, 0, 1, 1, 1),
      neutral: Int32Array.of(0, 4),
      form: 'apart',
    });
    const against = (i: number, j: number, negatives: number[]) =>
      logSumExp([z(i, j), ...negatives.map((k) => z(i, k))]) - z(i, j);
    const expected =
      (against(0, 3, [0, 2]) + against(0, 1, [0, 2])) / 2 + against(2, 1, [0, 2, 3, 4]) + against(1, 1, [0, 2, 3, 4]);
    expect(out.loss).toBeCloseTo(expected / 3, 5);
    const hard = await kernels.contrast({ image, text, rows, width, scale, hardness: 0.5, imageWeight: 1 });
    const weighted = all.map((i) => {
      const others = all.filter((j) => j !== i).map((j) => z(i, j));
      const weights = others.map((x) => Math.exp(0.5 * x));
      const mean = weights.reduce((sum, w) => sum + w, 0) / weights.length;
      return (
        Math.log(
          Math.exp(z(i, i)) + others.reduce((sum, x, k) => sum + (Math.exp(x) * (weights[k] as number)) / mean, 0),
        ) - z(i, i)
      );
    });
    expect(hard.loss).toBeCloseTo(weighted.reduce((sum, x) => sum + x, 0) / rows, 5);
  });

  test.each([
    [{ width: 63 }, /expected 315 numbers, \[5, 63\], for image but got 320/],
    [{ rows: 0 }, /expected at least 1 for rows but got 0/],
    [{ columns: 4, text: text.subarray(64) }, /expected as many texts as images .* but got 4 and 5/],
    [
      { image: image.map((x, i) => (i === 130 ? Number.NaN : x)) },
      /expected finite numbers for image but got nan in row 2, column 2/,
    ],
    [{ scale: Number.POSITIVE_INFINITY }, /expected a finite number for scale/],
    [
      { positives: Int32Array.of(0, 1, 5, 0) },
      /expected an image below 5 and a text below 5 for positives but got 5 and 0 in pair 1/,
    ],
    [{ positives: Int32Array.of(0, 1, 0, 1) }, /expected each pair once for positives/],
    [{ hardness: -1 }, /expected a number of at least 0 for hardness but got -1/],
    [{ hardness: 1, form: 'any' as const }, /expected form apart beside a hardness but got any/],
    [{ imageThere: Uint8Array.of(1) }, /expected 5 numbers, \[5\], for imageThere but got 1/],
  ])('refuses %j', async (wrong, sentence) => {
    await expect(kernels.contrast({ image, text, rows, width, scale, ...wrong })).rejects.toThrow(sentence);
  });
});

test('sigmoidContrast is the loss of its definition', async () => {
  const [scale, bias] = [0.1, -1];
  const out = await kernels.sigmoidContrast({ image, text, rows, width, scale, bias });
  let sum = 0;
  for (const i of all)
    for (const j of all) sum += Math.log1p(Math.exp((i === j ? -1 : 1) * (scale * score(image, text, i, j) + bias)));
  expect(out.loss).toBeCloseTo(sum / rows, 5);
  expect(out.biasGradient).not.toBe(0);
  expect(out.imageGradient).toHaveLength(rows * width);
});

test('wordRegion scores each image with each text', async () => {
  const [images, regions, words] = [2, 3, 4];
  const out = await kernels.wordRegion({
    image: wave(images * regions * width, 2),
    text: wave(images * words * width, 3),
    images,
    regions,
    texts: images,
    words,
    width,
    wordMask: Uint8Array.of(1, 1, 1, 0, 1, 0, 0, 0),
  });
  expect(out.scores).toHaveLength(images * images);
  expect(Number.isFinite(out.loss)).toBe(true);
  // A word that is padding has no gradient.
  expect([...out.textGradient.subarray(3 * width, 4 * width)].every((x) => x === 0)).toBe(true);
  expect([...out.textGradient.subarray(0, width)].some((x) => x !== 0)).toBe(true);
});
