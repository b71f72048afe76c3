import { GadoliniumError } from '../errors.js';

/**
 * Applies `PATH=VALUE` overrides to a plain configuration. A path leads through objects by name and through lists by number
 * (`objectives.0.options.temperature=0.1`); the value is JSON where it parses as such, else text. A new key may be set only
 * one level below something that exists: whether it is known is for the schema to say.
 */
export function override(config: unknown, assignments: readonly string[]): unknown {
  const out = structuredClone(config);
  for (const assignment of assignments) {
    const equals = assignment.indexOf('=');
    if (equals < 1) throw GadoliniumError.expected('bad-override', 'PATH=VALUE', '--set', assignment);
    apply(out, assignment.slice(0, equals), parsed(assignment.slice(equals + 1)));
  }
  return out;
}

function apply(root: unknown, path: string, value: unknown): void {
  const keys = path.split('.');
  let at = root;
  for (const [index, key] of keys.entries()) {
    if (typeof at !== 'object' || at === null || (Array.isArray(at) && !(key in at))) {
      const known = at !== null && typeof at === 'object' ? Object.keys(at).join(', ') : 'a plain value';
      throw GadoliniumError.expected(
        'bad-override',
        'a path into the recipe',
        '--set',
        path,
        `at '${keys.slice(0, index).join('.')}' there is: ${known}`,
      );
    }
    const place = at as Record<string, unknown>;
    if (index === keys.length - 1) {
      place[key] = value;
      return;
    }
    if (!(key in place)) {
      throw GadoliniumError.expected(
        'bad-override',
        'a path into the recipe',
        '--set',
        path,
        `${index ? `'${keys.slice(0, index).join('.')}'` : 'the recipe'} has: ${Object.keys(place).join(', ')}`,
      );
    }
    at = place[key];
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
