import type { Manifest } from '../data/manifest.js';
import type { BySplit, DatasetStatistics, LabelCounts } from '../data/statistics.js';
import { bytes, count, figure } from '../events/wording.js';
import { histogram } from './histogram.js';
import { Captions, type Cell, type Content, type Html, html, table } from './html.js';
import { page } from './page.js';

/** One page about what a prepared folder holds: labels, texts, images, people, repeated texts, leaks, flags and rejects. */
export function datasetPage(manifest: Manifest, statistics: DatasetStatistics): string {
  const captions = new Captions();
  const splits = Object.keys(statistics.splits);
  const context = { statistics, captions, splits };
  const size = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const header = html`<div><h1>${manifest.title}</h1><p class="recipe">${manifest.name} ${manifest.dataset_version}, licence ${manifest.licence}; ${count(manifest.shards.length)} ${manifest.shards.length === 1 ? 'shard' : 'shards'}, ${bytes(size)}</p></div>`;
  return page({
    title: `${manifest.title}, statistics – Gadolinium`,
    header,
    sections: [
      { id: 'summary', title: 'Summary', body: summary(context, manifest) },
      { id: 'leaks', title: 'Between splits', body: leaks(context) },
      { id: 'labels', title: 'Labels and findings', body: some(labels(context)) },
      { id: 'texts', title: 'Texts', body: some(texts(context)) },
      { id: 'repeats', title: 'Equal texts', body: repeats(context) },
      { id: 'images', title: 'Images', body: some(images(context)) },
      { id: 'people', title: 'Age and sex', body: some(people(context)) },
      { id: 'flags', title: 'Flags and rejects', body: some(flagsAndRejects(context)) },
    ],
    figures: { grids: {}, figures: [], resumed: [] },
  });
}

interface Context {
  statistics: DatasetStatistics;
  captions: Captions;
  splits: readonly string[];
}

const some = (parts: Html[]): Content => (parts.length > 0 ? parts : undefined);
const numeric = (value: Content): Cell => ({ value, numeric: true });
const percent = (share: number) => `${figure(100 * share)} %`;
const bar = (share: number): Cell => ({ value: percent(share), numeric: true, share });
const sum = (counts: BySplit) => Object.values(counts).reduce((total, n) => total + n, 0);

function summary({ statistics, captions, splits }: Context, manifest: Manifest): Html {
  const tile = (name: string, value: Content, note = '') =>
    html`<div><dt>${name}</dt><dd>${value}${note === '' ? '' : html`<small>${note}</small>`}</dd></div>`;
  const total = (name: 'images' | 'texts') => splits.reduce((all, split) => all + statistics.splits[split]![name], 0);
  const tiles = html`<dl class="tiles">${[
    tile('rows', count(statistics.rows)),
    tile(
      'images',
      count(total('images')),
      manifest.images === null ? '' : `${manifest.images.size} pixels, ${manifest.images.fit} side`,
    ),
    tile('texts', count(total('texts'))),
    tile('rejected rows', count(statistics.rejects.rows), `and ${count(statistics.rejects.parts)} parts of rows`),
    manifest.tokenizer === null
      ? ''
      : tile('vocabulary', count(manifest.tokenizer.vocabulary), manifest.tokenizer.name),
  ]}</dl>`;
  const rows = splits.map((split): Cell[] => {
    const { rows, images, texts, patients } = statistics.splits[split]!;
    return [
      split,
      numeric(count(rows)),
      bar(rows / statistics.rows),
      numeric(count(images)),
      numeric(count(texts)),
      numeric(patients === null ? '–' : count(patients)),
    ];
  });
  const columns = ['split', ...['rows', 'share', 'images', 'texts', 'patients'].map(numeric)];
  return html`${tiles}${table(captions.table(`Splits. ${manifest.split_rule}.`), columns, rows)}`;
}

function leaks({ statistics, captions, splits }: Context): Content {
  if (splits.length < 2) return undefined;
  const { count: patients, named } = statistics.patientsInSeveralSplits;
  const told =
    patients === null
      ? 'The data set names no patients: whether one lies in several splits cannot be told.'
      : patients === 0
        ? 'No patient has rows in more than one split.'
        : `${count(patients)} ${patients === 1 ? 'patient has' : 'patients have'} rows in more than one split.`;
  const names =
    named.length > 0
      ? html`<details><summary>Patients or groups in several splits (${named.length} named)</summary><p>${named.map((name) => html`<code>${name}</code> `)}</p></details>`
      : '';
  const shared = Object.entries(statistics.texts).map(([kind, { inSeveralSplits }]): Cell[] => [
    kind,
    numeric(count(inSeveralSplits)),
  ]);
  const texts =
    shared.length > 0
      ? table(
          captions.table('Different texts that more than one split holds, word for word.'),
          ['kind of text', numeric('texts')],
          shared,
        )
      : '';
  return html`<p>${told}</p>${names}${texts}`;
}

const STATES: (keyof LabelCounts)[] = ['positive', 'negative', 'unsure', 'missing'];

function labels({ statistics, captions, splits }: Context): Html[] {
  return Object.entries(statistics.labels).map(([vocab, { kind, names }]) => {
    const all = (counts: Record<string, LabelCounts>, state: keyof LabelCounts) =>
      splits.reduce((total, split) => total + counts[split]![state], 0);
    const rows = Object.entries(names).map(([name, counts]): Cell[] => [
      name,
      ...splits.map((split) => bar(counts[split]!.positive / Math.max(1, statistics.splits[split]!.rows))),
      ...STATES.map((state) => numeric(count(all(counts, state)))),
    ]);
    const words = kind === 'class' ? 'exactly one holds for a row' : 'each by itself';
    const main = table(
      captions.table(html`${vocab} (${words}): share of rows that are positive, by split; counts over all splits.`),
      ['name', ...splits.map(numeric), ...STATES.map(numeric)],
      rows,
    );
    if (splits.length < 2) return main;
    const bySplit = table(
      html`<caption>${vocab}, counts by split</caption>`,
      ['name', ...splits.flatMap((split) => STATES.map((state) => numeric(`${split} ${state}`)))],
      Object.entries(names).map(([name, counts]) => [
        name,
        ...splits.flatMap((split) => STATES.map((state) => numeric(count(counts[split]![state])))),
      ]),
    );
    return html`${main}<details><summary>Counts of ${vocab} by split</summary>${bySplit}</details>`;
  });
}

function texts({ statistics, captions, splits }: Context): Html[] {
  const kinds = Object.entries(statistics.texts);
  if (kinds.length === 0) return [];
  const contexts = Object.keys(kinds.find(([, { cut }]) => cut !== null)?.[1].cut ?? {});
  const rows = kinds.map(([kind, { count: counts, languages, tokens, cut }]): Cell[] => [
    kind,
    ...splits.map((split) => numeric(count(counts[split]!))),
    Object.keys(languages).join(', '),
    numeric(tokens === null ? '–' : tokens.percentiles['50']),
    numeric(tokens === null ? '–' : `${tokens.percentiles['5']} – ${tokens.percentiles['95']}`),
    numeric(tokens === null ? '–' : tokens.most),
    ...contexts.map((context) => (cut === null ? numeric('–') : bar(cut[context]!))),
  ]);
  const caption = captions.table(
    'Texts by kind; lengths in tokens without start and end. Cut at: share of texts that a context of so many tokens, start and end among them, does not hold.',
  );
  const columns = [
    'kind',
    ...splits.map(numeric),
    'languages',
    ...['median', '5 – 95 %', 'longest', ...contexts.map((context) => `cut at ${context}`)].map(numeric),
  ];
  const drawn = kinds.flatMap(([kind, { tokens }]) =>
    tokens === null ? [] : [histogram(`Length of ${kind.replaceAll('_', ' ')}`, 'tokens', tokens, captions)],
  );
  return [table(caption, columns, rows), html`<div class="figures">${drawn}</div>`];
}

function repeats({ statistics, captions }: Context): Content {
  const kinds = Object.entries(statistics.texts).filter(([, { repeats }]) => repeats.texts > 1);
  if (kinds.length === 0) return undefined;
  const batches = [...new Set(kinds.flatMap(([, { repeats }]) => Object.keys(repeats.batches)))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const rows = kinds.map(([kind, { repeats }]): Cell[] => [
    kind,
    repeats.split,
    numeric(count(repeats.texts)),
    numeric(count(repeats.distinct)),
    numeric(percent(repeats.equalPairs)),
    ...batches.map((batch) => {
      const told = repeats.batches[batch];
      if (told === undefined) return numeric('–');
      return {
        value: html`${percent(told.samples)} <small>${figure(told.perSample)} each</small>`,
        numeric: true,
        share: told.samples,
      };
    }),
  ]);
  const caption = captions.table(
    'Texts that are equal word for word are false negatives of each other in a contrast. Equal pairs: their share of all pairs, so of the pairs of a batch of any size on average. Batches, drawn at random: share of samples with at least one false negative; small: how many a sample has on average. Every text counts as a sample.',
  );
  return table(
    caption,
    [
      'kind',
      'split',
      ...['texts', 'different', 'equal pairs', ...batches.map((batch) => `batch of ${count(Number(batch))}`)].map(
        numeric,
      ),
    ],
    rows,
  );
}

function words({ captions, splits }: Context, caption: string, head: string, found: Record<string, BySplit>): Html[] {
  const entries = Object.entries(found);
  if (entries.length === 0) return [];
  const all = entries.reduce((total, [, counts]) => total + sum(counts), 0);
  const rows = entries.map(([word, counts]): Cell[] => [
    word,
    ...splits.map((split) => numeric(count(counts[split] ?? 0))),
    bar(sum(counts) / all),
  ]);
  return [table(captions.table(caption), [head, ...splits.map(numeric), numeric('share')], rows)];
}

function images(context: Context): Html[] {
  const { images } = context.statistics;
  if (images === null) return [];
  const { height, width, sourceHeight, sourceWidth } = images.sizes;
  const drawn = (
    [
      ['Height before', sourceHeight],
      ['Width before', sourceWidth],
      ['Height as stored', height],
      ['Width as stored', width],
    ] as const
  ).flatMap(([title, told]) => (told === null ? [] : [histogram(title, 'pixels', told, context.captions)]));
  return [
    ...words(context, 'Images by modality.', 'modality', images.modalities),
    ...words(context, 'Images by view.', 'view', images.views),
    ...words(context, 'Images by number of stored channels: 1 grey, 3 colour.', 'channels', images.channels),
    ...words(context, 'Images by how the source was stored.', 'photometric', images.photometric),
    html`<div class="figures">${drawn}</div>`,
  ];
}

function people(context: Context): Html[] {
  const { age, unreadableAges, sex } = context.statistics.people;
  const note =
    unreadableAges > 0
      ? [html`<p class="note">The age of ${count(unreadableAges)} rows is no number of years from 0 to 120.</p>`]
      : [];
  return [
    ...words(context, 'Rows by sex, where it is said: one who came thrice counts thrice.', 'sex', sex),
    ...(age === null
      ? []
      : [html`<div class="figures">${histogram('Age, one value a row', 'years', age, context.captions)}</div>`]),
    ...note,
  ];
}

function flagsAndRejects(context: Context): Html[] {
  const { captions, splits, statistics } = context;
  const flags = Object.entries(statistics.flags).map(([flag, counts]): Cell[] => [
    html`<code>${flag}</code>`,
    ...splits.map((split) => numeric(count(counts[split] ?? 0))),
    bar(sum(counts) / statistics.rows),
  ]);
  const reasons = Object.entries(statistics.rejects.byReason).map(([reason, n]): Cell[] => [
    html`<code>${reason}</code>`,
    numeric(count(n)),
  ]);
  return [
    ...(flags.length > 0
      ? [
          table(
            captions.table('Rows by flag; a row may carry several.'),
            ['flag', ...splits.map(numeric), numeric('share of rows')],
            flags,
          ),
        ]
      : []),
    ...(reasons.length > 0
      ? [
          table(
            captions.table('What was left out of the data set, by reason; rejects.jsonl names file, row and field.'),
            ['reason', numeric('count')],
            reasons,
          ),
        ]
      : []),
  ];
}
