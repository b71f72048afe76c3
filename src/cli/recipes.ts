import type { Argv } from 'yargs';
import { findRecipe, recipeNames } from '../config/find-recipe.js';
import { resolve } from '../config/resolve.js';
import { description } from '../native/generated.js';

export const command = 'recipes [name]';
export const describe = 'List the recipes, or print one with every default filled in';

export function builder(yargs: Argv) {
  return yargs
    .positional('name', { type: 'string', describe: 'Name or file of a recipe' })
    .option('set', { type: 'string', array: true, default: [] as string[], describe: 'Override PATH=VALUE' })
    .option('json', { type: 'boolean', default: false, describe: 'JSON on standard output' })
    .example('$0 recipes', 'the list')
    .example('$0 recipes clip', 'one, resolved');
}

export async function handler(argv: { name?: string; set: string[]; json: boolean }): Promise<void> {
  if (argv.name) {
    const { name, recipe } = await findRecipe(argv.name);
    // Numbers that the data's tokenizer will settle are shown as the parts' own defaults.
    console.log(JSON.stringify(resolve(name, recipe, { parts: description, set: argv.set }), null, 2));
    return;
  }
  const list = await Promise.all(
    recipeNames().map(async (name) => {
      const { recipe } = await findRecipe(name);
      return {
        name,
        title: recipe.title,
        family: recipe.survey?.family ?? '',
        domain: recipe.survey?.domain ?? '',
        source: recipe.source ?? '',
      };
    }),
  );
  if (argv.json) console.log(JSON.stringify(list));
  else
    for (const { name, title, family, domain } of list)
      console.log(`${name.padEnd(22)} ${title}${family ? `  [${family}; ${domain}]` : ''}`);
}
