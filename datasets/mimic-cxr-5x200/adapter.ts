/** MIMIC 5x200: frontal images of MIMIC-CXR with exactly one of five findings, 200 of each, for zero-shot tests. */
import { existsSync } from 'node:fs';
import { basename, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';
import { type Cells, cellsOf, columnBy, fileName, linesOf, versionedTable } from '../mimic-cxr/release-tables.js';
import { studyPath } from '../mimic-cxr/studies.js';
import { LICENCE } from '../mimic-cxr/study-rows.js';
import { CLASSES, classOf, drawn, FINDINGS } from './draw.js';

const options = z.strictObject({
  /** Folder with files/p10/… of MIMIC-CXR-JPG or MIMIC-CXR; default: the release's own. */
  images: z.string().optional(),
  labels: z.enum(['chexpert', 'negbio']).default('chexpert'),
  /** Official split that images are drawn from. GLoRIA drew from training images: others are too few. */
  part: z.enum(['train', 'validate', 'test']).default('train'),
  /** Images of each class. */
  count: z.coerce.number().int().positive().default(200),
  seed: z.coerce.number().int().default(0),
  /** A table with the column dicom_id, to have the images of somebody's list instead of a draw. */
  list: z.string().optional(),
});
type Options = z.infer<typeof options>;

const VOCAB = 'mimic-cxr-5x200';

const adapter: DatasetAdapter<Options> = {
  name: 'mimic-cxr-5x200',
  title: 'MIMIC 5x200',
  version: '1',
  ...LICENCE,
  access: 'credentialed: physionet.org/content/mimic-cxr-jpg; the images are drawn here, no list was published',
  modalities: ['DX'],
  options: options as z.ZodType<Options>,

  describe: ({ options }) => ({
    labels: [{ vocab: VOCAB, kind: 'class', names: CLASSES }],
    prompts: [
      {
        name: VOCAB,
        vocab: VOCAB,
        kind: 'softmax',
        classes: CLASSES.map((label) => ({
          label,
          texts: [label === 'Edema' ? 'pulmonary edema' : label.toLowerCase()],
        })),
      },
    ],
    splitRule:
      options.list === undefined
        ? `everything is for testing; drawn from the official ${options.part} part with seed ${options.seed}: leave its patients out of training`
        : 'everything is for testing, as the given list says',
  }),

  async *rows({ from, options }) {
    const metadata = required(from, 'metadata');
    const classes = await classesByStudy(required(from, options.labels));
    const wanted = options.list === undefined ? undefined : await listed(from, options.list);
    const splits = wanted === undefined ? await columnBy(required(from, 'split'), 'dicom_id', 'split') : undefined;
    const candidates: Candidate[] = [];
    for await (const line of linesOf(metadata, ['dicom_id', 'subject_id', 'study_id', 'ViewPosition'])) {
      const origin = { file: fileName(metadata), row: line.row };
      if ('fault' in line) {
        yield reject('bad_row', line.fault, 'row', origin);
        continue;
      }
      const candidate = candidateOf(line.cells, classes, origin);
      if (wanted === undefined) {
        if (candidate.finding !== undefined && frontal(candidate) && splits?.get(candidate.dicom) === options.part)
          candidates.push(candidate);
      } else if (wanted.delete(candidate.dicom)) {
        if (candidate.finding !== undefined) candidates.push(candidate);
        else yield reject('bad_label', `${candidate.dicom} has not exactly one of five findings`, 'dicom_id', origin);
      }
    }
    for (const [dicom, row] of wanted ?? [])
      yield reject('unknown_image', `${dicom} is not in the table of images`, 'dicom_id', {
        file: basename(options.list!),
        row,
      });
    const chosen = wanted === undefined ? draw(candidates, options) : candidates;
    for (const candidate of chosen) yield toRow(candidate, options.images ?? from);
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

interface Candidate {
  dicom: string;
  subject: string;
  study: string;
  view: string;
  finding: string | undefined;
  origin: Origin;
}

const candidateOf = (cells: Cells, classes: ReadonlyMap<string, string>, origin: Origin): Candidate => ({
  dicom: cells['dicom_id']!,
  subject: cells['subject_id']!,
  study: cells['study_id']!,
  view: viewOf(cells['ViewPosition']),
  finding: classes.get(cells['study_id']!),
  origin,
});

const frontal = ({ view }: Candidate) => view === 'PA' || view === 'AP';

function required(from: string, name: string): string {
  const path = versionedTable(from, name);
  if (path !== undefined) return path;
  const wanted = `'mimic-cxr-2.0.0-${name}.csv.gz'`;
  throw GadoliniumError.expected('no-source', wanted, `the MIMIC-CXR-JPG release ${from}`, 'none');
}

async function classesByStudy(path: string): Promise<Map<string, string>> {
  const out = new Map<string, string>();
  for await (const line of linesOf(path, ['study_id', ...FINDINGS])) {
    const cells = cellsOf(line, path);
    const finding = classOf(cells);
    if (finding !== undefined) out.set(cells['study_id']!, finding);
  }
  return out;
}

/** Names of a list with their rows in it. */
async function listed(from: string, list: string): Promise<Map<string, number>> {
  const path = isAbsolute(list) ? list : join(from, list);
  const out = new Map<string, number>();
  for await (const line of linesOf(path, ['dicom_id'])) out.set(cellsOf(line, path)['dicom_id']!, line.row);
  return out;
}

/** In the table's order, so that the order says nothing of the classes. */
function draw(candidates: readonly Candidate[], { count, seed, part }: Options): Candidate[] {
  const chosen = new Set<string>();
  for (const finding of CLASSES) {
    const own = candidates.filter((candidate) => candidate.finding === finding).map(({ dicom }) => dicom);
    if (own.length < count)
      throw GadoliniumError.expected(
        'too-few-images',
        `${count} frontal images of ${finding} alone`,
        `the official part '${part}'`,
        own.length,
        'ask for fewer with --option count=N',
      );
    for (const dicom of drawn(own, count, seed)) chosen.add(dicom);
  }
  return candidates.filter(({ dicom }) => chosen.has(dicom));
}

function toRow({ dicom, subject, study, view, finding, origin }: Candidate, root: string): SourceRow {
  const folder = join(root, 'files', studyPath(`p${subject}`, `s${study}`));
  const paths = [join(folder, `${dicom}.jpg`), join(folder, `${dicom}.dcm`)];
  const file = paths.find((path) => existsSync(path)) ?? paths[0]!;
  return {
    id: dicom,
    patient: `p${subject}`,
    study: `s${study}`,
    split: 'test',
    images: [{ id: dicom, file, modality: 'DX', view, field: 'dicom_id' }],
    texts: [],
    labels: [{ vocab: VOCAB, name: finding!, value: 1, state: 'positive', source: 'nlp' }],
    sourceRef: `s${study}`,
    origin,
  };
}
