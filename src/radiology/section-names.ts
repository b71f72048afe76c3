/** Headings of reports as radiologists wrote them → one name each. */

/** Name → the headings that mean it, misspelt ones too (each occurs in MIMIC-CXR). */
const VARIANTS: Record<string, string[]> = {
  impression: [
    'conclusion',
    'findings and impression',
    'findings/impression',
    'findings/ impression',
    'impresson',
    'imprression',
    'imoression',
    'impressoin',
    'imprssion',
    'impresion',
    'imperssion',
    'mpression',
    'impession',
    // One report, whose last section it is.
    'ndication',
  ],
  findings: [
    'chest, two views',
    'finding',
    'findins',
    'findindgs',
    'findgings',
    'findngs',
    'findnings',
    'finidngs',
    'reference findings',
  ],
  comparison: [
    'comparisons',
    'reference exam',
    'comparison exam',
    'comparison film',
    'comparision',
    'comparsion',
    'comparrison',
    'comparisions',
  ],
  indication: ['reason for examination', 'reason for exam', 'clinical indication', 'idication'],
  history: ['clinical history', 'clinical information', 'patient history', 'pfi'],
  examination: ['exam', 'type of examination'],
  recommendations: ['recommendation(s)', 'recommendation'],
  'wet read': ['wetread'],
  technique: [],
  notification: [],
  addendum: [],
  date: [],
  comment: [],
};

const NAMES = new Map(
  Object.entries(VARIANTS).flatMap(([name, variants]) =>
    [name, ...variants].map((variant) => [variant, name] as const),
  ),
);

/** A heading that holds one of these words, first word first, is that section. */
const TELLING = ['impression', 'findings', 'history', 'comparison', 'addendum'];

/** A heading that names the view starts the description of the picture. */
const VIEWS = [
  'chest',
  'portable',
  'pa and lateral',
  'lateral and pa',
  'ap and lateral',
  'lateral and ap',
  'frontal and',
  'two views',
  'frontal view',
  'pa view',
  'ap view',
  'one view',
  'lateral view',
  'bone window',
  'frontal upright',
  'frontal semi-upright',
  'ribs',
  'pa and lat',
];

/** The name of a heading; one that means nothing known stays as it is, in small letters. */
export function sectionName(heading: string): string {
  const name = heading.toLowerCase().trim();
  const known = NAMES.get(name) ?? TELLING.find((word) => name.includes(word));
  if (known !== undefined) return known;
  return VIEWS.some((view) => name.includes(view)) ? 'findings' : name;
}
