export interface Difference {
  path: string;
  a: unknown;
  b: unknown;
}

/** Leaves in which two plain configurations differ, by path, in the order of `a`. */
export function differences(a: unknown, b: unknown, path = ''): Difference[] {
  if (isNode(a) && isNode(b) && Array.isArray(a) === Array.isArray(b)) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...keys].flatMap((key) =>
      differences(
        (a as Record<string, unknown>)[key],
        (b as Record<string, unknown>)[key],
        path ? `${path}.${key}` : key,
      ),
    );
  }
  return Object.is(a, b) ? [] : [{ path, a, b }];
}

const isNode = (value: unknown): value is object => typeof value === 'object' && value !== null;
