/** Open-i's chest X-rays of Indiana University: one row a report, with its pictures, sections and MeSH headings. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, extname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import type {
  AdapterContext,
  DatasetAdapter,
  SourceImage,
  SourceLabel,
  SourceReject,
  SourceRow,
  SourceText,
} from '../../src/data/adapter.js';
import { dicomHeader } from '../../src/data/formats/dicom-header.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { isWanted } from '../../src/radiology/report-texts.js';
import { viewOf } from '../../src/radiology/view.js';
import { type OpenIReport, readReport } from './report-xml.js';

const options = z.strictObject({
  /** all: every picture that a report names, a missing one is rejected; found: those that are there; none: texts alone. */
  images: z.enum(['all', 'found', 'none']).default('all'),
  /** describing: findings, impression and what stands for them; all: also indication, history, comparison, technique, … */
  sections: z.enum(['describing', 'all']).default('describing'),
  /** A table of views for PNG files, which do not say theirs. */
  views: z.string().optional(),
});
type Options = z.infer<typeof options>;

/** Headings of fewer reports are no class of their own; all of them stay in `meta`. */
const FEWEST = 10;
const NOT_INDEXED = 'No Indexing';

const KINDS = {
  FINDINGS: 'findings',
  IMPRESSION: 'impression',
  COMPARISON: 'comparison',
  INDICATION: 'indication',
} as const;

const adapter: DatasetAdapter<Options> = {
  name: 'open-i',
  title: 'Open-i chest X-rays of Indiana University',
  version: '1',
  licence: 'CC-BY-NC-ND-4.0',
  licenceText: 'CC BY-NC-ND 4.0, as stated in every report file; attribution: Indiana University, Kohli and Rosenman',
  access:
    'open: NLMCXR_reports.tgz with NLMCXR_png.tgz or NLMCXR_dcm.tgz of openi.nlm.nih.gov, unpacked below one folder',
  modalities: ['CR', 'DX'],
  options: options as z.ZodType<Options>,

  async describe({ from }) {
    return {
      labels: [{ vocab: 'mesh', kind: 'finding', names: headings(from) }],
      splitRule:
        'the release has no splits and names no patients: drawn by the hash of the report; train 0.8, valid 0.1, test 0.1',
    };
  },

  async *rows(context) {
    const { from, options } = context;
    const names = new Set(headings(from));
    const pictures = options.images === 'none' ? new Map<string, string>() : picturesBelow(from);
    const views = await viewTable(context);
    const folder = reportFolder(from);
    for (const file of reportFiles(folder)) {
      const report = readReport(readFileSync(join(folder, file), 'utf8'));
      const origin = { file: `${basename(folder)}/${file}` };
      if (report === undefined) yield reject('bad_xml', 'no whole report file', 'eCitation', origin.file);
      else yield await toRow(report, origin.file, { from, names, pictures, views, options });
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, file: string): SourceReject => ({
  reject: { code, reason, field, origin: { file } },
});

/** The folder of N.xml files: as the archive unpacks, or given itself. */
function reportFolder(from: string): string {
  const inside = join(from, 'ecgen-radiology');
  const folder = existsSync(inside) ? inside : from;
  if (existsSync(folder) && reportFiles(folder).length > 0) return folder;
  throw GadoliniumError.expected(
    'no-source',
    "a folder 'ecgen-radiology' of report files",
    `the Open-i release ${from}`,
    'none',
    'unpack NLMCXR_reports.tgz there',
  );
}

const numberOf = (file: string) => Number.parseInt(file, 10);

function reportFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => /^\d+\.xml$/u.test(file))
    .sort((a, b) => numberOf(a) - numberOf(b));
}

interface Known {
  from: string;
  names: ReadonlySet<string>;
  pictures: ReadonlyMap<string, string>;
  views: ReadonlyMap<string, string>;
  options: Options;
}

async function toRow(report: OpenIReport, file: string, known: Known): Promise<SourceRow | SourceReject> {
  const images = await imagesOf(report, known);
  const texts = textsOf(report, known.options.sections);
  if (images.length === 0 && texts.length === 0)
    return reject('empty_row', 'a report without a text, and no picture', 'AbstractText', file);
  const spoken = texts.some(({ kind }) => kind === 'findings' || kind === 'impression');
  const meta: Record<string, string> = {};
  const captions = [...new Set(report.images.map(({ caption }) => caption).filter((caption) => caption !== ''))];
  if (captions.length > 0) meta['caption'] = captions.join(' | ');
  if (report.major.length > 0) meta['mesh_major'] = report.major.join(' | ');
  if (report.automatic.length > 0) meta['mesh_automatic'] = report.automatic.join(' | ');
  return {
    id: report.id,
    study: report.id,
    images,
    texts,
    labels: labelsOf(report, known.names),
    meta,
    sourceRef: report.id,
    flags: spoken ? [] : ['no_report'],
    origin: { file },
  };
}

async function imagesOf(
  report: OpenIReport,
  { from, pictures, views, options: { images } }: Known,
): Promise<SourceImage[]> {
  if (images === 'none') return [];
  const out: SourceImage[] = [];
  for (const { id } of report.images) {
    const file = namesOf(id)
      .map((name) => pictures.get(name))
      .find((path) => path !== undefined);
    if (file === undefined) {
      // The path that is missed is said in the rejects list.
      if (images === 'all')
        out.push({ id, file: join(from, `${id}.png`), modality: 'CR', view: 'UNKNOWN', field: 'parentImage' });
      continue;
    }
    const header = isDicom(file) ? await dicomHeader(file) : undefined;
    const said = namesOf(id)
      .map((name) => views.get(name))
      .find((view) => view !== undefined);
    out.push({
      id,
      file,
      modality: header?.modality === 'DX' ? 'DX' : 'CR',
      view: viewOf(header?.view ?? said),
      field: 'parentImage',
    });
  }
  return out;
}

const isDicom = (file: string) => extname(file).toLowerCase() === '.dcm';

/** CXR1_1_IM-0001-3001: the PNG's name. DICOM files and tables made of them leave out the prefix, or its first part. */
const namesOf = (id: string) => [id, id.replace(/^CXR\d+_(?=\d+_IM)/u, ''), id.replace(/^CXR/u, '')];

/** Name without ending → path, of all pictures below a folder; a DICOM file goes before a PNG of it. */
function picturesBelow(from: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of readdirSync(from, { recursive: true, encoding: 'utf8' }).sort()) {
    const ending = extname(path).toLowerCase();
    if (!['.png', '.jpg', '.dcm'].includes(ending)) continue;
    const name = basename(path, extname(path));
    if (ending === '.dcm' || !found.has(name)) found.set(name, join(from, path));
  }
  return found;
}

/** Columns of the tables that are about: of the DICOM headers (torchxrayvision), of projections (Kaggle's copy). */
const ID_COLUMNS = ['imageid', 'filename'];
const VIEW_COLUMNS = ['View Position', 'projection'];

async function viewTable({ from, options }: AdapterContext<Options>): Promise<Map<string, string>> {
  const views = new Map<string, string>();
  if (options.views === undefined || options.images === 'none') return views;
  const path = isAbsolute(options.views) ? options.views : join(from, options.views);
  for await (const found of tableRows(path)) {
    if ('fault' in found) continue;
    const id = ID_COLUMNS.find((name) => name in found.values);
    const view = VIEW_COLUMNS.find((name) => name in found.values);
    if (id === undefined || view === undefined) {
      const wanted = `columns ${ID_COLUMNS.join(' or ')}, and ${VIEW_COLUMNS.join(' or ')}`;
      throw GadoliniumError.expected('no-column', wanted, path, Object.keys(found.values).join(', '));
    }
    const name = String(found.values[id]).replace(/(?:\.(?:dcm|png))+$/iu, '');
    views.set(name, String(found.values[view] ?? ''));
  }
  return views;
}

function textsOf({ sections }: OpenIReport, wanted: Options['sections']): SourceText[] {
  return Object.entries(KINDS).flatMap(([name, kind]): SourceText[] => {
    const body = sections.get(name) ?? '';
    return body === '' || !isWanted(kind, wanted) ? [] : [{ kind, lang: 'en', body, origin: 'human', field: name }];
  });
}

/** The part of a heading before its qualifiers: Pulmonary Atelectasis of Pulmonary Atelectasis/base/left. */
const headingOf = (term: string) => term.split('/')[0]!.replace(/\s+/gu, ' ').trim();

const headingsOf = ({ major }: OpenIReport) => new Set(major.map(headingOf).filter((name) => name !== ''));

/** Every report was indexed by people, so that a heading which is not there means that nothing of it was reported. */
function labelsOf(report: OpenIReport, names: ReadonlySet<string>): SourceLabel[] {
  const own = headingsOf(report);
  if (own.has(NOT_INDEXED) || own.size === 0) return [];
  return [...names].map((name) => ({
    vocab: 'mesh',
    name,
    value: own.has(name) ? 1 : 0,
    state: own.has(name) ? 'positive' : 'negative',
    source: 'expert',
  }));
}

/** Headings of at least FEWEST reports, or of all where there are not many reports. */
function headings(from: string): string[] {
  const folder = reportFolder(from);
  const files = reportFiles(folder);
  const counts = new Map<string, number>();
  for (const file of files) {
    const report = readReport(readFileSync(join(folder, file), 'utf8'));
    for (const name of report === undefined ? [] : headingsOf(report)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  counts.delete(NOT_INDEXED);
  const fewest = files.length < 100 * FEWEST ? 1 : FEWEST;
  return [...counts]
    .filter(([, count]) => count >= fewest)
    .map(([name]) => name)
    .sort();
}
