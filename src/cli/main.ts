#!/usr/bin/env node
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import yargs, { type CommandModule } from 'yargs';
import { hideBin } from 'yargs/helpers';
import { GadoliniumError } from '../errors.js';
import { VERSION } from '../package.js';

// One command a file of this folder: a module that exports command, describe, builder and handler.
const folder = fileURLToPath(new URL('.', import.meta.url));
const wanted = hideBin(process.argv)[0];
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.js') && file !== 'main.js')
  .map((file) => file.slice(0, -3));
// Only the wanted command's module is loaded, so that `--help` and small commands start at once; without one, all, for the list.
const modules = await Promise.all(
  (names.includes(wanted ?? '') ? [wanted as string] : names).map(
    (name) => import(new URL(`${name}.js`, import.meta.url).href),
  ),
);

const parser = yargs(hideBin(process.argv))
  .scriptName('gadolinium')
  .version(VERSION)
  .usage('$0 <command>: train medical CLIP, prepare its data, evaluate it')
  .demandCommand(1, 'expected a command; see --help')
  .strict()
  .wrap(Math.min(120, process.stdout.columns ?? 100))
  // Wrong usage ends with 2, everything that fails later with 1.
  .fail((message, error) => {
    if (error) throw error;
    console.error(`${message}\n\ngadolinium --help lists commands, gadolinium COMMAND --help its options`);
    process.exit(2);
  });
for (const module of modules) if (module.command && module.handler) parser.command(module as CommandModule);

try {
  await parser.parseAsync();
} catch (error) {
  const { code, message, advice } = error as GadoliniumError;
  console.error(`gadolinium: ${message}${advice ? `\n  ${advice}` : ''}`);
  if (!(error instanceof GadoliniumError) && process.env['GADOLINIUM_STACK']) console.error((error as Error).stack);
  const usage = ['bad-override', 'bad-option', 'bad-recipe', 'no-recipe', 'missing-feature', 'usage'];
  process.exit(usage.includes(code) ? 2 : 1);
}
