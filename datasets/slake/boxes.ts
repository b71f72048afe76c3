/** Boxes of organs and findings: imgs/xmlabN/detection.json, a list of objects {name: [x, y, width, height]}. */
import { existsSync, readFileSync } from 'node:fs';
import type { SourceRegion } from '../../src/data/adapter.js';

/** None where there is no file; undefined where it is not such a list. In pixels of source.jpg. */
export function boxesOf(path: string): SourceRegion[] | undefined {
  if (!existsSync(path)) return [];
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (!Array.isArray(found)) return undefined;
  const out: SourceRegion[] = [];
  for (const [label, box] of found.flatMap((item) => Object.entries(item ?? {}))) {
    if (!Array.isArray(box) || box.length !== 4 || !box.every((value) => Number.isFinite(value))) return undefined;
    const [x, y, width, height] = box as [number, number, number, number];
    out.push({ image: 0, kind: 'box', label, coords: [x, y, x + width, y + height] });
  }
  return out;
}
