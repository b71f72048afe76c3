/** A folder in the temporary directory with made pictures and a table, gone when the test ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { onTestFinished } from 'vitest';
import type { Manifest } from '../../../src/data/manifest.js';
import { type PrepareOptions, prepare } from '../../../src/data/prepare.js';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gadolinium-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Pixels of a picture that has structure and is another for each seed. */
export function pixels(width: number, height: number, channels: number, seed: number): Uint8Array {
  const out = new Uint8Array(width * height * channels);
  for (let i = 0; i < out.length; i++) {
    const x = Math.floor(i / channels) % width;
    const y = Math.floor(i / channels / width);
    out[i] = (x * 3 + y * (5 + seed) + (channels > 1 ? 40 * (i % channels) : 0)) & 255;
  }
  return out;
}

export async function picture(path: string, seed: number, width = 60, height = 40, channels: 1 | 3 = 3): Promise<void> {
  await sharp(pixels(width, height, channels, seed), { raw: { width, height, channels } }).toFile(path);
}

/** `rows` good rows: picture, text, patient. The table's first line is the header. */
export async function sourceFolder(rows: number): Promise<{ folder: string; table: string; lines: string[] }> {
  const folder = temporaryFolder();
  const lines = ['path,report,patient'];
  for (let i = 0; i < rows; i++) {
    const name = `image-${String(i).padStart(4, '0')}.png`;
    await picture(join(folder, name), i);
    lines.push(`${name},"The lungs are clear. Nodule of ${i} mm, seen by Dr. Gray.",p${i % 7}`);
  }
  const table = join(folder, 'table.csv');
  writeFileSync(table, `${lines.join('\n')}\n`);
  return { folder, table, lines };
}

/** Prepares the table and waits. */
export function prepared(
  table: string,
  to: string,
  options: Partial<PrepareOptions> = {},
  adapter: Record<string, unknown> = {},
): Promise<Manifest> {
  return prepare({
    dataset: 'table',
    from: table,
    to,
    size: 32,
    tokenizer: 'train:200',
    ...options,
    adapter: { image: ['path'], text: ['report'], group: 'patient', ...adapter },
  }).done;
}
