import { spawn } from 'node:child_process';
import path from 'node:path';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import { PAPERS, readResults, reproductionOf } from '../evaluate/published/reproduction.js';
import { writeComparison, writeReport, writeReproduction } from '../report/report.js';

export const command = 'report [run..]';
export const describe = "page of one run, comparison of several, or a paper's numbers beside ours";

export const builder = (yargs: Argv) =>
  yargs
    .positional('run', {
      type: 'string',
      array: true,
      default: [] as string[],
      describe:
        'run folder; two or more are compared. With --reproduce: files of results, one a line, as evaluate --json writes them',
    })
    .option('reproduce', {
      choices: Object.keys(PAPERS),
      describe: 'a paper: which of its numbers the results run again, with what difference, and which not and why',
    })
    .option('out', {
      type: 'string',
      describe:
        'where a comparison goes (default comparison.html beside the first run) or a reproduction (default PAPER.html here)',
    })
    .option('open', {
      choices: ['yes', 'no'] as const,
      describe: 'show it in the browser (default: yes at a terminal with a screen)',
    })
    .option('json', { type: 'boolean', default: false, describe: 'the path as JSON on standard output' })
    .check(({ run, out, reproduce }) => {
      if (reproduce !== undefined) return true;
      if ((run as string[]).length === 0) throw new Error('name a run folder, or a paper with --reproduce');
      if (out !== undefined && (run as string[]).length < 2)
        throw new Error('--out is for comparisons: the report of one run lies in its folder');
      return true;
    })
    .example('$0 report runs/demo', 'writes runs/demo/report.html')
    .example('$0 report runs/clip runs/siglip --open no', 'writes runs/comparison.html')
    .example('$0 report --reproduce biovil results.jsonl', 'writes biovil.html');

type Arguments = ArgumentsCamelCase<{
  run: string[];
  reproduce?: string | undefined;
  out?: string | undefined;
  open?: 'yes' | 'no' | undefined;
  json: boolean;
}>;

export async function handler({ run, reproduce, out, open, json }: Arguments): Promise<void> {
  const file = path.resolve(await written(run, reproduce, out));
  process.stdout.write(json ? `${JSON.stringify({ type: 'report', path: file })}\n` : `${file}\n`);
  if (open === 'yes' || (open === undefined && !json && process.stdout.isTTY && hasScreen())) await show(file);
}

function written(run: string[], paper: string | undefined, out: string | undefined): Promise<string> {
  if (paper !== undefined) return writeReproduction(reproductionOf(paper, readResults(run)), out ?? `${paper}.html`);
  return run.length === 1 ? writeReport(run[0]!) : writeComparison(run, out);
}

function hasScreen(): boolean {
  if (process.env['CI'] || process.env['SSH_CONNECTION']) return false;
  return process.platform !== 'linux' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY']);
}

/** Hands the page to the desktop. That nothing there takes it is said, and no failure: the page is written. */
function show(file: string): Promise<void> {
  const [program, ...before]: [string, ...string[]] =
    process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['cmd', '/c', 'start', ''] : ['xdg-open'];
  return new Promise((resolve) => {
    const child = spawn(program, [...before, file], { detached: true, stdio: 'ignore' });
    child.on('error', (error) => {
      process.stderr.write(`no browser was opened: ${error.message}\n`);
      resolve();
    });
    child.on('spawn', () => {
      child.unref();
      resolve();
    });
  });
}
