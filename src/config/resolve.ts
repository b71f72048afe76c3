import { GadoliniumError } from '../errors.js';
import { override } from './override.js';
import type { Description, OptionDescription, Options, PartDescription, PartKind } from './parts.js';
import type { Recipe } from './recipe.js';
import { configSchema, type ResolvedConfig } from './schema.js';

/** What the data folder says about its tokenizer; filled in wherever the recipe leaves it open. */
export interface TokenizerFacts {
  vocabularySize: number;
  startId: number | null;
  endId: number | null;
  padId: number;
  maskId: number | null;
  unknownId: number | null;
}

export interface ResolveOptions {
  /** The registered parts: `description` of src/native/generated.ts. */
  parts: Description;
  /** `--set` assignments. */
  set?: readonly string[];
  tokenizer?: TokenizerFacts | undefined;
}

/** A run's length stands in epochs or in steps: an override of one takes the place of the recipe's other. */
function withoutOtherLength(recipe: Recipe, set: readonly string[]): Recipe {
  const sets = (name: string) => set.some((assignment) => assignment.startsWith(`train.${name}=`));
  if (sets('epochs') === sets('steps')) return recipe;
  const train = { ...recipe.train };
  delete train[sets('steps') ? 'epochs' : 'steps'];
  return { ...recipe, train };
}

/**
 * Recipe + overrides + facts of the data → the full configuration, plain JSON. Everything that can be known to be wrong before a
 * process starts is said here: unknown keys, option names and values, features that nobody gives.
 * Throws GadoliniumError `bad-recipe`, `bad-override`, `bad-option`, `missing-feature`.
 */
export function resolve(name: string, recipe: Recipe, options: ResolveOptions): ResolvedConfig {
  const set = options.set ?? [];
  const overridden = override({ sampling: {}, checkpoint: {}, ...withoutOtherLength(recipe, set), recipe: name }, set);
  const parsed = configSchema.safeParse(overridden);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue?.path.join('.') || 'the recipe';
    throw new GadoliniumError(
      'bad-recipe',
      `expected a valid value for ${where} of the recipe ${name} but got: ${issue?.message}`,
    );
  }
  const config = parsed.data;
  if ((config.train.epochs === undefined) === (config.train.steps === undefined)) {
    throw GadoliniumError.expected('bad-recipe', 'either epochs or steps', 'train', config.train);
  }
  const { parts, tokenizer } = options;
  const complete = (kind: PartKind, part: string, given: Options, where: string) => {
    const described = parts[kind][part];
    if (!described) {
      throw GadoliniumError.expected(
        'bad-recipe',
        `one of the ${kind}`,
        where,
        part,
        `known: ${Object.keys(parts[kind]).sort().join(', ')}`,
      );
    }
    fillAndCheck(described, given, where, tokenizer);
    return described;
  };

  const given = new Set<string>();
  for (const [modality, part] of Object.entries(config.data)) {
    const described = complete('inputs', part.input, part.options, `data.${modality}`);
    for (const field of described.gives) given.add(`${modality}.${field}`);
  }
  for (const [modality, part] of Object.entries(config.encoders)) {
    if (!(modality in config.data)) {
      throw GadoliniumError.expected(
        'bad-recipe',
        'a modality of data',
        `encoders.${modality}`,
        modality,
        `data has: ${Object.keys(config.data).join(', ')}`,
      );
    }
    const own = 'share' in part ? config.encoders[part.share] : part;
    if (!own || 'share' in own) {
      throw GadoliniumError.expected(
        'bad-recipe',
        'an encoder of its own',
        `encoders.${modality}.share`,
        (part as { share: string }).share,
      );
    }
    const described =
      'share' in part
        ? parts.encoders[own.encoder]
        : complete('encoders', part.encoder, part.options, `encoders.${modality}`);
    for (const grain of described?.gives ?? []) given.add(`${modality}.${grain}`);
  }
  const readers: [PartDescription, Options, string][] = [];
  for (const [index, part] of config.heads.entries()) {
    const described = complete('heads', part.head, part.options, `heads.${index} (${part.head})`);
    need(described, part.options, `heads.${index} (${part.head})`, given);
    for (const option of described.options) {
      const output = part.options[option.name];
      if (option.kind !== 'output') continue;
      const written = String(output || part.options['from'] || '');
      given.add(written);
      for (const [modality, shared] of Object.entries(config.encoders))
        if ('share' in shared && shared.heads && written.startsWith(`${shared.share}.`))
          given.add(modality + written.slice(shared.share.length));
    }
  }
  readers.push([
    complete('relations', config.relation.relation, config.relation.options, 'relation'),
    config.relation.options,
    'relation',
  ]);
  for (const [index, part] of config.objectives.entries()) {
    const where = `objectives.${index} (${part.objective})`;
    readers.push([complete('objectives', part.objective, part.options, where), part.options, where]);
  }
  for (const [described, own, where] of readers) need(described, own, where, given);
  complete('optimisers', config.optimise.optimiser.optimiser, config.optimise.optimiser.options, 'optimise.optimiser');
  complete('schedules', config.optimise.schedule.schedule, config.optimise.schedule.options, 'optimise.schedule');
  return config;
}

/** Options that speak of the tokenizer, wherever they occur, take the data folder's numbers unless the recipe says otherwise. */
const tokenizerOptions = ['vocabularySize', 'startId', 'endId', 'padId', 'maskId', 'unknownId'] as const;

function fillAndCheck(
  part: PartDescription,
  given: Options,
  where: string,
  tokenizer: TokenizerFacts | undefined,
): void {
  for (const name of Object.keys(given)) {
    if (!part.options.some((option) => option.name === name)) {
      throw GadoliniumError.expected(
        'bad-option',
        `an option of ${where}`,
        'the recipe',
        name,
        `it has: ${part.options.map((option) => option.name).join(', ') || 'none'}`,
      );
    }
  }
  for (const option of part.options) {
    const fact = tokenizerOptions.find((name) => name === option.name);
    if (given[option.name] === undefined && fact && tokenizer && tokenizer[fact] !== null)
      given[option.name] = tokenizer[fact];
    if (given[option.name] === undefined) {
      if (option.fallback === null)
        throw GadoliniumError.expected('bad-option', wanted(option), `${where}.${option.name}`, undefined, option.help);
      given[option.name] = option.fallback;
    }
    const value = given[option.name];
    if (!fits(option, value))
      throw GadoliniumError.expected('bad-option', wanted(option), `${where}.${option.name}`, value, option.help);
  }
}

function fits(option: OptionDescription, value: unknown): boolean {
  switch (option.kind) {
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'integer':
      return Number.isInteger(value);
    case 'flag':
      return typeof value === 'boolean';
    case 'choice':
      return (option.choices ?? []).includes(value as string);
    case 'numbers':
      return Array.isArray(value) && value.every((item) => typeof item === 'number');
    case 'texts':
      return Array.isArray(value) && value.every((item) => typeof item === 'string');
    default:
      return typeof value === 'string';
  }
}

function wanted(option: OptionDescription): string {
  if (option.kind === 'choice') return `one of ${(option.choices ?? []).join(', ')}`;
  return {
    number: 'a number',
    integer: 'an integer',
    flag: 'true or false',
    text: 'text',
    feature: 'a feature name',
    output: 'a feature name',
    numbers: 'a list of numbers',
    texts: 'a list of texts',
  }[option.kind];
}

function need(part: PartDescription, options: Options, where: string, given: Set<string>): void {
  for (const option of part.options) {
    const feature = options[option.name];
    if (option.kind !== 'feature' || typeof feature !== 'string' || feature === '' || given.has(feature)) continue;
    throw GadoliniumError.expected(
      'missing-feature',
      `somebody who gives ${feature}`,
      `${where}.${option.name}`,
      'nobody',
      `given are: ${[...given].sort().join(', ')}`,
    );
  }
}
