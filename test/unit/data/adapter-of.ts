import { z } from 'zod';
import type { DatasetAdapter, SourceDescription, SourceRow } from '../../../src/data/adapter.js';

/** An adapter whose rows are at hand: of each as much as matters. */
export function adapterOf(
  rows: readonly Partial<SourceRow>[],
  description: SourceDescription = {},
): DatasetAdapter<unknown> {
  return {
    name: 'at-hand',
    title: 'Rows at hand',
    version: '1',
    licence: 'CC0-1.0',
    licenceText: '',
    access: '',
    modalities: ['CR'],
    options: z.unknown(),
    describe: () => description,
    async *rows() {
      for (const [i, row] of rows.entries())
        yield { id: `row-${i}`, images: [], texts: [], ...row, origin: { file: 'at-hand.csv', row: i + 1 } };
    },
  };
}

export const caption = (body: string) => ({ kind: 'caption', lang: 'en', body, origin: 'human' }) as const;
