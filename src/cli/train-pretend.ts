import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Argv } from 'yargs';
import { GadoliniumError } from '../errors.js';
import { cards } from '../model/cards.js';
import { forecastPage } from '../profile/forecast-page.js';
import { forecastText } from '../profile/forecast-text.js';
import { hardwareFrom } from '../profile/hardware.js';
import { pretend } from '../profile/pretend.js';
import { type CacheArguments, cacheOf } from './data-source.js';

/** What `train --pretend-world N` reads beside the recipe, the data and the overrides. */
export interface PretendArguments extends CacheArguments {
  recipe: string;
  data: string;
  set: string[];
  json: boolean;
  pretendWorld?: number;
  card?: string;
  peakTflops?: number;
  memoryGib?: number;
  cardsPerMachine?: number;
  linkGbps?: number;
  utilisation?: number;
  page?: string;
}

export const pretendOptions = <T>(yargs: Argv<T>) =>
  yargs
    .option('pretend-world', {
      type: 'number',
      describe: 'Train nothing: forecast the run on so many cards, and on fewer',
    })
    .option('card', { type: 'string', describe: `Of the forecast: ${Object.keys(cards).join(', ')} [h100]` })
    .option('peak-tflops', { type: 'number', describe: 'Of another card: its peak in the precision of the recipe' })
    .option('memory-gib', { type: 'number', describe: 'Its memory' })
    .option('cards-per-machine', { type: 'number', describe: 'Cards of one machine [8]' })
    .option('link-gbps', { type: 'number', describe: 'Network of one machine, all its cards together [400]' })
    .option('utilisation', { type: 'number', describe: 'Share of the peak that arithmetic reaches [0.3]' })
    .option('page', { type: 'string', describe: 'Where the page of the forecast goes [forecast.html]' });

/** Prints tables, or with --json one line, and writes the page. */
export async function pretendHere(argv: PretendArguments): Promise<void> {
  const { recipe, data, set, pretendWorld: world = 1, page = 'forecast.html', json } = argv;
  if (!Number.isInteger(world) || world < 1)
    throw GadoliniumError.expected('bad-option', 'a whole number from 1', '--pretend-world', world);
  const told = await pretend({ recipe, data, set, world, cache: cacheOf(argv), hardware: hardwareFrom(argv) });
  const file = path.resolve(page);
  await writeFile(file, forecastPage(told)).catch((cause) => {
    throw new GadoliniumError('page-not-written', `expected to write ${file} but got: ${cause.message}`, {
      cause,
      advice: 'give another place with --page',
    });
  });
  process.stdout.write(json ? `${JSON.stringify({ type: 'forecast', page: file, ...told })}\n` : forecastText(told));
  console.error(`page: ${file}`);
}
