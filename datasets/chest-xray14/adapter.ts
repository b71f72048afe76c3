/** NIH ChestX-ray14: frontal radiographs with fourteen findings read out of reports by a program, and some boxes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceRegion, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';
import { viewOf } from '../../src/radiology/view.js';
import { FINDINGS, prompts } from './prompts.js';

const NOTHING = 'No Finding';
const BOXES = 'BBox_List_2017.csv';
/** The boxes' own word. */
const BOX_WORDS: Record<string, string> = { Infiltrate: 'Infiltration' };

const adapter: DatasetAdapter<Record<string, never>> = {
  name: 'chest-xray14',
  title: 'NIH ChestX-ray14',
  version: '1',
  licence: 'NIH-open',
  licenceText: 'no restriction stated; the NIH Clinical Center asks to be named and Wang et al. 2017 to be cited',
  access: 'open: nihcc.app.box.com/v/ChestXray-NIHCC',
  modalities: ['CR'],
  options: z.strictObject({}) as z.ZodType<Record<string, never>>,

  describe: () => ({
    labels: [{ vocab: 'chest-xray14', kind: 'finding', names: FINDINGS }],
    prompts,
    splitRule: 'test_list.txt is test; of train_val_list.txt the hash of the patient draws train 0.9, valid 0.1',
    fractions: { train: 0.9, valid: 0.1, test: 0 },
  }),

  async *rows({ from }) {
    const table = tableOf(from);
    const lists = { test: namesIn(from, 'test_list.txt'), trainOrValid: namesIn(from, 'train_val_list.txt') };
    const files = filesBelow(from);
    const boxes = await boxesBy(join(from, BOXES));
    for await (const found of tableRows(table)) {
      const origin = { file: basename(table), row: found.row };
      if ('fault' in found) {
        yield reject('bad_row', found.fault, 'row', origin);
        continue;
      }
      const values = found.values as Record<string, string>;
      const name = values['Image Index'] ?? '';
      const inTest = lists.test.has(name);
      if (!inTest && !lists.trainOrValid.has(name))
        yield reject('no_split', `'${name}' is in neither list`, 'Image Index', origin);
      else yield toRow(values, files.get(name) ?? join(from, 'images', name), inTest, boxes.get(name) ?? [], origin);
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

function tableOf(from: string): string {
  const found = ['Data_Entry_2017_v2020.csv', 'Data_Entry_2017.csv'].find((name) => existsSync(join(from, name)));
  if (found !== undefined) return join(from, found);
  throw GadoliniumError.expected(
    'no-source',
    "'Data_Entry_2017_v2020.csv'",
    `the ChestX-ray14 release ${from}`,
    'none',
  );
}

function namesIn(from: string, list: string): Set<string> {
  const path = join(from, list);
  if (!existsSync(path))
    throw GadoliniumError.expected('no-source', `'${list}'`, `the ChestX-ray14 release ${from}`, 'a folder without it');
  return new Set(readFileSync(path, 'utf8').split(/\s+/u).filter(Boolean));
}

/** images_001/images/NAME.png as the archives unpack, or images/NAME.png. */
function filesBelow(from: string): Map<string, string> {
  const files = new Map<string, string>();
  for (const folder of readdirSync(from)
    .filter((name) => /^images(?:_\d+)?$/u.test(name))
    .sort()) {
    const inner = join(from, folder, 'images');
    const path = existsSync(inner) ? inner : join(from, folder);
    for (const name of readdirSync(path)) files.set(name, join(path, name));
  }
  return files;
}

/** In pixels of the 1,024 × 1,024 pictures. Its header is broken at commas, so columns count by place. */
async function boxesBy(path: string): Promise<Map<string, SourceRegion[]>> {
  const out = new Map<string, SourceRegion[]>();
  if (!existsSync(path)) return out;
  for await (const found of tableRows(path)) {
    if ('fault' in found)
      throw new GadoliniumError('bad-table', `expected a whole row ${found.row} for ${path} but got ${found.fault}`);
    const [name, word, ...numbers] = Object.values(found.values) as string[];
    const [x, y, w, h] = numbers.slice(0, 4).map(Number);
    const label = BOX_WORDS[word!] ?? word!;
    if (!FINDINGS.includes(label) || ![x, y, w, h].every(Number.isFinite))
      throw GadoliniumError.expected(
        'bad-table',
        'a finding and four numbers',
        `${path} row ${found.row}`,
        found.values,
      );
    out.set(name!, [...(out.get(name!) ?? []), { image: 0, kind: 'box', label, coords: [x!, y!, x! + w!, y! + h!] }]);
  }
  return out;
}

function toRow(
  values: Record<string, string>,
  file: string,
  inTest: boolean,
  regions: SourceRegion[],
  origin: Origin,
): SourceRow | SourceReject {
  const said = (values['Finding Labels'] ?? '').split('|').map((word) => word.trim());
  const unknown = said.find((word) => word !== NOTHING && !FINDINGS.includes(word));
  if (unknown !== undefined) return reject('bad_label', `'${unknown}' is no finding`, 'Finding Labels', origin);
  const id = parse(file).name;
  return {
    id,
    patient: values['Patient ID'] ?? '',
    ...(inTest ? { split: 'test' } : {}),
    images: [{ id, file, modality: 'CR', view: viewOf(values['View Position']), field: 'Image Index' }],
    texts: [],
    labels: FINDINGS.map((name) => ({
      vocab: 'chest-xray14',
      name,
      value: said.includes(name) ? 1 : 0,
      state: said.includes(name) ? 'positive' : 'negative',
      source: 'nlp',
    })),
    regions,
    meta: {
      age: values['Patient Age'] ?? '',
      sex: values['Patient Gender'] ?? values['Patient Sex'] ?? '',
      follow_up: values['Follow-up #'] ?? '',
    },
    origin,
  };
}
