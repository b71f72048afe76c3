/**
 * Writes src/native/generated.ts from the addon's own description of its parts: one typed function a part, help lines as doc
 * comments. Run by `npm run generate`; `--check` only says whether the committed file is fresh.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Description, OptionDescription, PartDescription, PartKind } from '../config/parts.js';
import { PACKAGE_ROOT } from '../package.js';
import { addon } from './addon.js';

const made: Record<PartKind, { key: string; type: string; more: string; moreType: string }> = {
  inputs: { key: 'input', type: 'InputPart', more: '', moreType: '' },
  encoders: { key: 'encoder', type: 'EncoderPart', more: 'more', moreType: "Omit<EncoderPart, 'encoder' | 'options'>" },
  heads: { key: 'head', type: 'HeadPart', more: 'more', moreType: "Omit<HeadPart, 'head' | 'options'>" },
  relations: { key: 'relation', type: 'RelationPart', more: '', moreType: '' },
  objectives: {
    key: 'objective',
    type: 'ObjectivePart',
    more: 'more',
    moreType: "Omit<ObjectivePart, 'objective' | 'options'>",
  },
  optimisers: { key: 'optimiser', type: 'OptimiserPart', more: '', moreType: '' },
  schedules: { key: 'schedule', type: 'SchedulePart', more: '', moreType: '' },
};

export function generate(description: Description): string {
  const lines = [
    '// Written by `npm run generate` from the registries of the addon. Do not edit.',
    'import type {',
    '  Description, EncoderPart, HeadPart, InputPart, ObjectivePart, OptimiserPart, Options, RelationPart, SchedulePart,',
    "} from '../config/parts.js';",
    '',
  ];
  const names = new Map<string, string>();
  for (const kind of Object.keys(made) as PartKind[]) {
    for (const [part, described] of Object.entries(description[kind]).sort(([a], [b]) => (a < b ? -1 : 1))) {
      const name = camel(part);
      if (names.has(name))
        throw new Error(`expected one part named ${name} but there are ${kind}/${part} and ${names.get(name)}`);
      names.set(name, `${kind}/${part}`);
      lines.push(...face(kind, part, name, described), '');
    }
  }
  lines.push('/** All registered parts with their options. */');
  lines.push(`export const description: Description = ${JSON.stringify(sorted(description), null, 2)};`, '');
  return lines.join('\n');
}

function face(kind: PartKind, part: string, name: string, described: PartDescription): string[] {
  const { key, type, more, moreType } = made[kind];
  const title = name[0]?.toUpperCase() + name.slice(1);
  const must = described.options.some((option) => option.fallback === null);
  const lines = [];
  if (described.options.length) {
    lines.push(`export interface ${title}Options {`);
    for (const option of described.options) {
      const fallback = option.fallback === null ? 'Must be given.' : `Default ${JSON.stringify(option.fallback)}.`;
      lines.push(`  /** ${comment(sentence(option.help))} ${comment(fallback)} */`);
      lines.push(`  ${option.name}${option.fallback === null ? '' : '?'}: ${typeOf(option)};`);
    }
    lines.push('}', '');
  }
  const gives = described.gives.length ? ` Gives ${described.gives.join(', ')}.` : '';
  lines.push(`/** ${comment(sentence(described.help) + gives)} */`);
  const parameters = [];
  if (described.options.length) parameters.push(`options: ${title}Options${must ? '' : ' = {}'}`);
  if (more) parameters.push(`${more}: ${moreType} = {}`);
  const options = described.options.length ? '{ ...options } as Options' : '{}';
  lines.push(`export function ${name}(${parameters.join(', ')}): ${type} {`);
  lines.push(`  return { ${key}: '${part}', options: ${options}${more ? `, ...${more}` : ''} };`, '}');
  return lines;
}

function typeOf(option: OptionDescription): string {
  switch (option.kind) {
    case 'number':
    case 'integer':
      return 'number';
    case 'flag':
      return 'boolean';
    case 'choice':
      return (option.choices ?? []).map((choice) => `'${choice}'`).join(' | ');
    case 'numbers':
      return 'readonly number[]';
    case 'texts':
      return 'readonly string[]';
    default:
      return 'string';
  }
}

function sorted(description: Description): Description {
  const out: Record<string, unknown> = {};
  for (const kind of Object.keys(made) as PartKind[]) {
    out[kind] = Object.fromEntries(Object.entries(description[kind]).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  return out as Description;
}

const comment = (text: string) => text.replaceAll('*/', '*∕');
const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`);
const camel = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Beside the source, not beside this compiled file.
  const file = join(PACKAGE_ROOT, 'src/native/generated.ts');
  const text = generate(addon().describe());
  if (process.argv.includes('--check')) {
    const fresh = readFileSync(file, 'utf8') === text;
    if (!fresh) console.error(`${file} is stale: run \`npm run generate\` and commit it`);
    process.exitCode = fresh ? 0 : 1;
  } else {
    writeFileSync(file, text);
    console.log(`wrote ${file}`);
  }
}
