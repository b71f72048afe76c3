import { type Captions, type Cell, type Html, html, table } from './html.js';

/** `optimise.lr` → `0.0005` of a resolved config, in its own order. Lists of plain values are one entry. */
export function flattened(config: unknown, prefix = ''): Map<string, string> {
  const out = new Map<string, string>();
  const walk = (value: unknown, at: string) => {
    const isPlainList = Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);
    const entries = typeof value === 'object' && value !== null && !isPlainList ? Object.entries(value) : [];
    if (entries.length === 0) out.set(at, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
    for (const [name, inner] of entries) walk(inner, at === '' ? name : `${at}.${name}`);
  };
  walk(config, prefix);
  return out;
}

/**
 * Paths that the command line set: `overrides` of the config, as `["path=value"]` or `{ path: value }`. Undefined where the config
 * does not say: that is not the same as none.
 */
export function overrides(config: unknown): Map<string, string> | undefined {
  const said =
    typeof config === 'object' && config !== null ? (config as { overrides?: unknown }).overrides : undefined;
  if (Array.isArray(said)) {
    return new Map(said.filter((entry) => typeof entry === 'string').map((entry) => split(entry)));
  }
  return typeof said === 'object' && said !== null ? flattened(said) : undefined;
}

function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

export function configTables(config: unknown, captions: Captions): Html {
  if (config === undefined) return html`<p class="note">This run folder has no config.json that can be read.</p>`;
  const set = overrides(config);
  const all = [...flattened(config)].filter(([name]) => !isOverrides(name));
  const rows = all.map(([name, value]): Cell[] => {
    const cells = [html`<code>${name}</code>`, html`<code>${value}</code>`];
    if (set === undefined) return cells;
    const overridden = [...set.keys()].some((path) => name === path || name.startsWith(`${path}.`));
    return [...cells, overridden ? html`<b>command line</b>` : 'recipe'];
  });
  const columns = set === undefined ? ['path', 'value'] : ['path', 'value', 'set by'];
  const whole = () => table(captions.table('Resolved config.'), columns, rows);
  if (set === undefined) return html`<details><summary>All ${rows.length} values</summary>${whole()}</details>`;
  const changed = [...set].map(([name, value]): Cell[] => [html`<code>${name}</code>`, html`<code>${value}</code>`]);
  const first =
    changed.length > 0
      ? table(captions.table('What the command line changed in the recipe.'), ['path', 'value'], changed)
      : html`<p>The recipe as it is: nothing was overridden.</p>`;
  return html`${first}<details><summary>All ${rows.length} values of the resolved config</summary>${whole()}</details>`;
}

function isOverrides(path: string): boolean {
  return path === 'overrides' || path.startsWith('overrides.');
}

/** Values in which the configs differ, one column a config; undefined where they are all equal. */
export function configDifferences(configs: readonly unknown[], names: readonly string[], captions: Captions): Html {
  const flat = configs.map((config) => flattened(config));
  const paths = [...new Set(flat.flatMap((one) => [...one.keys()]))].filter((path) => !isOverrides(path));
  const differing = paths.filter((path) => new Set(flat.map((one) => one.get(path))).size > 1);
  if (configs.some((config) => config === undefined)) {
    const missing = names.filter((_, i) => configs[i] === undefined);
    return html`<p class="note">No config.json that can be read in ${missing.join(', ')}, so configs are not compared.</p>`;
  }
  if (differing.length === 0) return html`<p>The configs are equal.</p>`;
  const rows = differing.map((path): Cell[] => [
    html`<code>${path}</code>`,
    ...flat.map((one) => html`<code>${one.get(path) ?? '–'}</code>`),
  ]);
  return table(
    captions.table(html`The ${differing.length} of ${paths.length} values in which the configs differ.`),
    ['path', ...names],
    rows,
  );
}
