/** Finds the data sets that this installation knows: one folder each under datasets/. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GadoliniumError } from '../errors.js';
import { PACKAGE_ROOT } from '../package.js';
import type { DatasetAdapter } from './adapter.js';

/** Beside this file's tree, compiled or not. */
const modules = fileURLToPath(new URL('../../datasets/', import.meta.url));

function adapterFile(name: string): string | undefined {
  return ['adapter.js', 'adapter.ts'].map((file) => join(modules, name, file)).find((file) => existsSync(file));
}

export function adapterNames(): string[] {
  return readdirSync(modules)
    .filter((name) => adapterFile(name) !== undefined)
    .sort();
}

export async function findAdapter(name: string): Promise<{ adapter: DatasetAdapter; home: string }> {
  const file = /^[a-z0-9][a-z0-9-]*$/.test(name) ? adapterFile(name) : undefined;
  if (file === undefined) {
    throw GadoliniumError.expected(
      'unknown-dataset',
      `one of ${adapterNames().join(', ')}`,
      'the data set',
      name,
      'for a table of your own: gadolinium prepare table --from TABLE',
    );
  }
  const module = (await import(pathToFileURL(file).href)) as { default: DatasetAdapter };
  // Samples and READMEs are not copied when TypeScript is compiled: they lie in the source folder.
  return { adapter: module.default, home: join(PACKAGE_ROOT, 'datasets', name) };
}
