// @ts-check
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * A short text that changes when any of the files changes (name, size or time of change: contents are not read, because
 * this runs at every start).
 * @param {string} base
 * @param {string[]} paths files and folders below base; a missing one counts as absent
 * @param {(name: string) => boolean} [wanted] picks files of folders by name
 * @param {unknown} [settings] anything else that the result depends on
 * @returns {string}
 */
export function fingerprint(base, paths, wanted = () => true, settings = null) {
  const hash = createHash('sha256').update(JSON.stringify(settings));
  const visit = (/** @type {string} */ path, /** @type {boolean} */ named) => {
    const stat = statSync(join(base, path), { throwIfNoEntry: false });
    if (stat?.isDirectory()) for (const name of readdirSync(join(base, path)).sort()) visit(`${path}/${name}`, false);
    else if (named || wanted(path)) hash.update(`${path} ${stat ? `${stat.size} ${stat.mtimeMs}` : 'absent'}\n`);
  };
  for (const path of paths) visit(path, true);
  return hash.digest('hex').slice(0, 32);
}

/** @param {string} file @returns {string} the text that `writeStamp` left, or nothing */
export function readStamp(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} file @param {string} text */
export function writeStamp(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
