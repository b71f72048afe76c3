import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import adapter from '../../../datasets/vqa-rad/adapter.js';
import { prompts } from '../../../datasets/vqa-rad/prompts.js';
import { statementOf } from '../../../datasets/vqa-rad/statements.js';
import type { SourceRow } from '../../../src/data/adapter.js';
import { prepare } from '../../../src/data/prepare.js';
import { drawnSplit } from '../../../src/data/split.js';
import { temporaryFolder } from '../data/source-folder.js';

const home = fileURLToPath(new URL('../../../datasets/vqa-rad', import.meta.url));
const context = { options: {}, from: join(home, 'sample'), home };

async function rows(): Promise<{ rows: SourceRow[]; rejects: string[] }> {
  const out: SourceRow[] = [];
  const rejects: string[] = [];
  for await (const item of adapter.rows(context)) {
    if ('reject' in item) rejects.push(item.reject.origin.file);
    else out.push(item);
  }
  return { rows: out, rejects };
}

test('one row an image, every question and answer kept, the unused image listed', async () => {
  const { rows: found, rejects } = await rows();
  expect(found).toHaveLength(314);
  expect(rejects).toEqual(['images/synpic35356.jpg']);
  const entries = JSON.parse(readFileSync(join(home, 'sample/vqa_rad_public.json'), 'utf8'));
  const count = (kind: string) =>
    found.reduce((sum, row) => sum + row.texts.filter((text) => text.kind === kind).length, 0);
  expect([count('question'), count('answer'), count('caption'), count('label_text')]).toEqual([
    entries.length,
    entries.length,
    314,
    314,
  ]);
  for (const row of found) for (const text of row.texts) expect(text.body.trim()).not.toBe('');
});

test('images of one case share a patient, so no case is in two splits', async () => {
  const { rows: found } = await rows();
  const entries = JSON.parse(readFileSync(join(home, 'sample/vqa_rad_public.json'), 'utf8')) as {
    image_name: string;
    image_case_url: string;
  }[];
  const patientOf = new Map(found.map((row) => [`${row.id}.jpg`, row.patient]));
  const ofCase = new Map<string, string | undefined>();
  for (const { image_name, image_case_url } of entries) {
    const patient = patientOf.get(image_name);
    expect(ofCase.get(image_case_url) ?? patient).toBe(patient);
    ofCase.set(image_case_url, patient);
  }
  const { fractions } = await adapter.describe(context);
  const counts: Record<string, number> = {};
  for (const { patient } of found) {
    const split = drawnSplit('vqa-rad', patient!, fractions);
    counts[split] = (counts[split] ?? 0) + 1;
  }
  // A released split must not move.
  expect(counts).toEqual({ train: 231, valid: 25, test: 58 });
});

test.each([
  ['Is there a mass?', 'Yes', 'PRES', 'There is a mass.'],
  ['Is there any free air?', 'yes', 'PRES', 'There is free air.'],
  ['Is there evidence of a pleural effusion?', 'No', 'PRES', 'There is no evidence of a pleural effusion.'],
  ['Are there rib fractures present?', 'No', 'PRES', 'There are no rib fractures present.'],
  ['Any evidence of subdural hematoma?', 'No', 'PRES', 'There is no evidence of subdural hematoma.'],
  ['Is this an MRI image?', 'no', 'MODALITY', 'This is not an MRI image.'],
  ['Is this in the PA plane?', 'yes', 'PLANE', 'This is in the PA plane.'],
  ['Which image modality is this?', 'MR - T2 weighted', 'MODALITY', 'The modality is MR - T2 weighted.'],
  ['In what plane is this image taken?', 'Axial', 'PLANE', 'The plane is axial.'],
  [
    'What organ system is primarily present in this image?',
    'Gastrointestinal',
    'ORGAN',
    'The image shows gastrointestinal.',
  ],
  ['Where is the mass located?', 'head of the pancreas', 'POS', 'The mass is located: head of the pancreas.'],
  ['Is the trachea midline?', 'yes', 'POS', 'Is the trachea midline: yes.'],
  ['Is this a T1 or a T2 image?', 'T2', 'MODALITY', 'Is this a T1 or a T2 image: T2.'],
  ['How many masses are there?', '1', 'COUNT', 'How many masses are there: 1.'],
])('%s %s', (question, answer, type, statement) => {
  expect(statementOf({ question, answer, type })).toBe(statement);
});

test('prompts name every class and nothing else', async () => {
  const { labels } = await adapter.describe(context);
  expect(prompts[0]!.classes.map((one) => one.label)).toEqual(labels![0]!.names);
});

test('the shipped sample is prepared, twice with the same bytes', async () => {
  const folders = [temporaryFolder(), temporaryFolder()];
  const digests = [];
  for (const to of folders) {
    const manifest = await prepare({ dataset: 'vqa-rad', to, size: 64 }).done;
    expect(manifest).toMatchObject({
      rows: 314,
      rejects: { rows: 1, by_reason: { no_questions: 1 } },
      patients_in_several_splits: { count: 0 },
      labels: [{ vocab: 'organ', names: ['HEAD', 'CHEST', 'ABDOMEN'] }],
      tokenizer: { vocabulary: 2000 },
    });
    digests.push(
      readdirSync(to)
        .sort()
        .map((name) => [
          name,
          createHash('sha256')
            .update(readFileSync(join(to, name)))
            .digest('hex'),
        ]),
    );
  }
  expect(digests[0]).toEqual(digests[1]);
});
