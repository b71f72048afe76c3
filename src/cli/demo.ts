import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Argv } from 'yargs';
import { prepare } from '../data/prepare.js';
import { jsonLines } from '../events/jsonl.js';
import { terminal } from '../events/terminal.js';
import type { Evaluation } from '../events/types.js';
import { writeReport } from '../report/report.js';
import { train } from '../train/train.js';
import { obeySignals } from './train.js';

export const command = 'demo';
export const describe =
  'Prepare the shipped VQA-RAD sample, train a small CLIP on the CPU, evaluate it on held-out cases';

export function builder(yargs: Argv) {
  return yargs
    .option('to', { type: 'string', default: 'runs/demo', describe: 'Folder of data and runs' })
    .option('set', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe: 'Override PATH=VALUE of the recipe',
    })
    .example('$0 demo', 'a few minutes on two cores');
}

export async function handler({ to, set }: { to: string; set: string[] }): Promise<void> {
  const data = join(to, 'data');
  console.error(`1  prepare the shipped sample (VQA-RAD, CC0) → ${data}`);
  const prepared = await prepare({ dataset: 'vqa-rad', to: data, size: 128, resume: true }).done;
  const splits = Object.entries(prepared.splits).map(([name, { rows }]) => `${rows} ${name}`);
  console.error(`   ${prepared.rows} images with texts: ${splits.join(', ')}; cases stay in one split`);

  let number = 1;
  while (existsSync(join(to, `run-${number}`))) number++;
  const folder = join(to, `run-${number}`);
  console.error(`2  train the recipe demo → ${folder}`);
  const evaluations = new Map<string, Evaluation>();
  const run = train({
    recipe: 'demo',
    data,
    run: folder,
    set,
    listeners: [jsonLines(folder), terminal()],
  });
  const signalled = obeySignals(run);
  for await (const event of run) if (event.type === 'evaluation') evaluations.set(event.name, event);
  const finished = await run.done;

  console.error('3  held-out cases, never seen in training:');
  for (const { name, metrics, samples } of evaluations.values()) {
    const numbers = Object.entries(metrics).map(([metric, value]) => `${metric} ${value.toFixed(3)}`);
    console.log(`   ${name} (${samples} images): ${numbers.slice(0, 8).join(', ')}`);
  }
  const page = await writeReport(folder);
  console.log(`   checkpoint ${relative('.', join(folder, 'checkpoints', 'best.safetensors'))}`);
  console.log(`   report     ${relative('.', page)}`);
  if (finished.reason !== 'done') process.exitCode = signalled() ? 128 + signalled() : 1;
}
