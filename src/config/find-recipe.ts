import { existsSync, readdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { GadoliniumError } from '../errors.js';
import { withPathsFrom } from './initial-weights.js';
import type { Recipe } from './recipe.js';

const folder = fileURLToPath(new URL('../recipes/', import.meta.url));

/** Names of the shipped recipes: the files of src/recipes. */
export function recipeNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -3))
    .sort();
}

/** A recipe by name, by the path of a file whose default export it is, or itself. Throws `no-recipe` listing the known names. */
export async function findRecipe(which: string | Recipe): Promise<{ name: string; recipe: Recipe }> {
  if (typeof which !== 'string') return { name: 'own', recipe: which };
  const names = recipeNames();
  const file = names.includes(which) ? resolve(folder, `${which}.js`) : resolve(which);
  if (!/\.[mc]?[jt]s$/.test(file) || !existsSync(file)) {
    throw GadoliniumError.expected(
      'no-recipe',
      'the name of a recipe or a file',
      'RECIPE',
      which,
      `known: ${names.join(', ')}`,
    );
  }
  if (/ts$/.test(file)) {
    throw GadoliniumError.expected(
      'no-recipe',
      'a JavaScript file',
      'RECIPE',
      which,
      'compile it with tsc, or write it as .mjs',
    );
  }
  const { default: recipe } = (await import(pathToFileURL(file).href)) as { default?: Recipe };
  if (!recipe?.objectives) throw GadoliniumError.expected('no-recipe', 'a recipe as default export', file, recipe);
  return { name: which, recipe: withPathsFrom(recipe, dirname(file)) };
}
