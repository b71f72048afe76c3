/** Name and version of this package, as `created_by` of what it writes. */
import { readFileSync } from 'node:fs';

let known: string | undefined;

export function createdBy(): string {
  known ??= `gadolinium ${version()}`;
  return known;
}

function version(): string {
  // Compiled, the package's root lies one folder further up.
  for (const up of ['../../package.json', '../../../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'gadolinium' && found.version !== undefined) return found.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return 'unknown';
}
