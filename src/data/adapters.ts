/** Finds the data sets that this installation knows: one folder each under datasets/. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GadoliniumError } from '../errors.js';
import { PACKAGE_ROOT } from '../package.js';
import type { DatasetAdapter, SyntheticRelease } from './adapter.js';

/** Beside this file's tree, compiled or not. */
const modules = fileURLToPath(new URL('../../datasets/', import.meta.url));

/** A module of a data set's folder, compiled or not. */
function moduleFile(name: string, stem: string): string | undefined {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) return undefined;
  return [`${stem}.js`, `${stem}.ts`].map((file) => join(modules, name, file)).find((file) => existsSync(file));
}

const adapterFile = (name: string) => moduleFile(name, 'adapter');

export function adapterNames(): string[] {
  return readdirSync(modules)
    .filter((name) => adapterFile(name) !== undefined)
    .sort();
}

export async function findAdapter(name: string): Promise<{ adapter: DatasetAdapter; home: string }> {
  const file = adapterFile(name);
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

/** The made-up release of a data set; undefined where it has none. */
export async function findSynthetic(name: string): Promise<SyntheticRelease | undefined> {
  const file = moduleFile(name, 'synthetic');
  if (file === undefined) return undefined;
  return ((await import(pathToFileURL(file).href)) as { default: SyntheticRelease }).default;
}
