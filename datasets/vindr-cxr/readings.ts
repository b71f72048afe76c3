/** What the readers of VinDr-CXR said of each image: findings and boxes of several readers, brought together by image. */
import { basename, dirname, join } from 'node:path';
import type { Origin, SourceLabel, SourceReject } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { FINDINGS, NOTHING } from './prompts.js';

export interface Box {
  finding: string;
  /** Empty for a consensus. */
  reader: string;
  /** x0, y0, x1, y1, in pixels of the file. */
  coords: number[];
}

export interface ReadImage {
  id: string;
  /** What each reader named. The test part has one reader, the consensus. */
  readers: Map<string, Set<string>>;
  boxes: Box[];
  origin: Origin;
}

/** Words of one of the tables. */
const SPELLINGS: Record<string, string> = { 'Other disease': 'Other diseases' };
const spelled = (name: string) => SPELLINGS[name.trim()] ?? name.trim();

export class Readings {
  /** In the order of the first table. */
  readonly images = new Map<string, ReadImage>();
  /** Findings that the tables at hand have: Kaggle's copy has fewer. */
  readonly known = new Set<string>();

  /** A line an image and reader, a column a finding. */
  async *findings(path: string): AsyncGenerator<SourceReject> {
    for await (const line of lines(path, ['image_id'])) {
      if ('reject' in line) {
        yield line;
        continue;
      }
      const { cells, origin } = line;
      const { image_id: id = '', rad_id: reader = '', ...rest } = cells;
      const columns = Object.entries(rest).map(([name, value]) => [spelled(name), value.trim()] as const);
      const unknown = columns.find(([name]) => !FINDINGS.includes(name));
      if (unknown !== undefined)
        throw GadoliniumError.expected('bad-table', `columns out of ${FINDINGS.join(', ')}`, path, unknown[0]);
      const wrong = columns.find(([, value]) => !/^[01](?:\.0*)?$/u.test(value));
      if (wrong !== undefined)
        yield faulty('bad_label', `${wrong[0]} is '${wrong[1]}', neither 0 nor 1`, wrong[0], origin);
      else {
        for (const [name] of columns) this.known.add(name);
        const named = columns.filter(([, value]) => Number(value) === 1).map(([name]) => name);
        this.image(id, origin).readers.set(reader, new Set(named));
      }
    }
  }

  /** A line a box. @param alone: there is no table of findings, so that boxes are all that is said (Kaggle). */
  async *boxes(path: string, alone: boolean): AsyncGenerator<SourceReject> {
    for await (const line of lines(path, ['image_id', 'class_name', 'x_min'])) {
      if ('reject' in line) {
        yield line;
        continue;
      }
      const { cells, origin } = line;
      const { image_id: id = '', rad_id: reader = '', class_name = '' } = cells;
      const finding = spelled(class_name);
      if (!FINDINGS.includes(finding)) {
        yield faulty('bad_label', `'${class_name}' is no finding`, 'class_name', origin);
        continue;
      }
      const image = alone ? this.image(id, origin) : this.images.get(id);
      if (image === undefined) {
        yield faulty('unknown_image', `'${id}' is not in the table of findings`, 'image_id', origin);
        continue;
      }
      const coords = ['x_min', 'y_min', 'x_max', 'y_max'].map((column) => Number(cells[column] || Number.NaN));
      // The numbers of a reader who saw nothing are empty.
      const empty = finding === NOTHING;
      if (!empty && !(coords.every(Number.isFinite) && coords[2]! > coords[0]! && coords[3]! > coords[1]!)) {
        yield faulty('bad_box', `${coords.join(', ')} is no box`, 'x_min', origin);
        continue;
      }
      if (!empty) image.boxes.push({ finding, reader, coords });
      if (!alone) continue;
      this.known.add(finding);
      image.readers.set(reader, (image.readers.get(reader) ?? new Set()).add(finding));
    }
  }

  private image(id: string, origin: Origin): ReadImage {
    const image = this.images.get(id) ?? { id, readers: new Map(), boxes: [], origin };
    this.images.set(id, image);
    return image;
  }
}

export const faulty = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

async function* lines(
  path: string,
  columns: string[],
): AsyncGenerator<SourceReject | { cells: Record<string, string>; origin: Origin }> {
  const inside = basename(dirname(path)) === 'annotations';
  const file = inside ? join('annotations', basename(path)) : basename(path);
  for await (const found of tableRows(path)) {
    const origin = { file, row: found.row };
    if ('fault' in found) {
      yield faulty('bad_row', found.fault, 'row', origin);
      continue;
    }
    const cells = found.values as Record<string, string>;
    const missing = columns.find((column) => !(column in cells));
    if (missing !== undefined)
      throw GadoliniumError.expected('no-column', `column '${missing}'`, path, Object.keys(cells).join(', '));
    if (cells['image_id'] === '') yield faulty('bad_row', 'no image_id', 'image_id', origin);
    else yield { cells, origin };
  }
}

/** Value: the share of readers who named it. */
export function labelsOf(
  { readers }: ReadImage,
  known: ReadonlySet<string>,
  agreement: 'any' | 'majority',
): SourceLabel[] {
  return FINDINGS.filter((name) => known.has(name)).map((name) => {
    const votes = [...readers.values()].filter((named) => named.has(name)).length;
    const positive = agreement === 'any' ? votes > 0 : 2 * votes > readers.size;
    return {
      vocab: 'vindr-cxr',
      name,
      value: votes / readers.size,
      state: positive ? 'positive' : 'negative',
      source: 'reader',
    };
  });
}
