import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { requireDataset } from '../data/manifest.js';
import { previewOf } from '../data/preview.js';
import type { DatasetStatistics } from '../data/statistics.js';
import { GadoliniumError } from '../errors.js';
import { comparisonPage } from './comparison-page.js';
import { datasetPage } from './dataset-page.js';
import { readHistory } from './history.js';
import { previewPage } from './preview-page.js';
import { type Reproduction, reproductionPage } from './reproduction-page.js';
import { runPage } from './run-page.js';

/** Writes `report.html` into a run folder, finished or not, and returns its path. */
export async function writeReport(run: string): Promise<string> {
  return place(path.join(run, 'report.html'), runPage(await readHistory(run)));
}

/** Writes one page about two or more runs, by default `comparison.html` beside the first, and returns its path. */
export async function writeComparison(runs: readonly string[], file?: string): Promise<string> {
  if (runs.length < 2) throw GadoliniumError.expected('one-run', 'two or more run folders', 'a comparison', runs);
  const histories = [];
  // One after the other: the columns of a long run take memory while they are read.
  for (const run of runs) histories.push(await readHistory(run));
  return place(file ?? path.join(path.dirname(path.resolve(runs[0]!)), 'comparison.html'), comparisonPage(histories));
}

/** Writes a page about what was reproduced of a paper, and returns its path. */
export async function writeReproduction(reproduction: Reproduction, file: string): Promise<string> {
  return place(file, reproductionPage(reproduction));
}

/** Writes `preview.html` into a prepared folder: one in `every` rows, at most 60. Returns its path. */
export async function writePreview(folder: string, every: number): Promise<string> {
  return place(path.join(folder, 'preview.html'), previewPage(await previewOf(folder, every)));
}

/** Writes one page about what a prepared folder holds, and returns its path. */
export async function writeDatasetPage(folder: string, statistics: DatasetStatistics, file: string): Promise<string> {
  return place(file, datasetPage(requireDataset(folder), statistics));
}

/** In one move: a browser that reloads never sees half a page. */
async function place(file: string, text: string): Promise<string> {
  try {
    await writeFile(`${file}.part`, text);
    await rename(`${file}.part`, file);
  } catch (error) {
    throw new GadoliniumError('report-not-written', `expected to write ${file} but got: ${(error as Error).message}`, {
      cause: error,
      advice: 'See that the folder exists, may be written to, and has room.',
    });
  }
  return file;
}
