/** Patients that training must not see, because a test set made of MIMIC-CXR holds them: MS-CXR, MS-CXR-T, a 5x200 list. */
import { isAbsolute, join } from 'node:path';
import { tableRows } from '../../src/data/formats/tables.js';
import { GadoliniumError } from '../../src/errors.js';

/** @param tables paths with commas between; relative ones start from the release. Returns p10000032 and so on. */
export async function patientsOf(tables: string, from: string): Promise<Set<string>> {
  const patients = new Set<string>();
  for (const table of tables.split(',')) {
    const path = isAbsolute(table) ? table : join(from, table);
    let rows = 0;
    for await (const found of tableRows(path)) {
      if ('fault' in found)
        throw new GadoliniumError('bad-table', `expected a whole row ${found.row} for ${path} but got ${found.fault}`);
      const patient = patientIn(found.values as Record<string, unknown>);
      if (patient === undefined)
        throw GadoliniumError.expected(
          'no-patient',
          'a patient in subject_id, or p10000032 in path or dicom_id',
          `${path} row ${found.row}`,
          Object.keys(found.values).join(', '),
        );
      patients.add(patient);
      rows++;
    }
    if (rows === 0) throw GadoliniumError.expected('no-rows', 'patients to leave out', path, 'none');
  }
  return patients;
}

function patientIn(values: Record<string, unknown>): string | undefined {
  const subject = String(values['subject_id'] ?? '').trim();
  if (/^p?\d{8}$/u.test(subject)) return `p${subject.replace('p', '')}`;
  for (const column of ['path', 'dicom_id', 'Path']) {
    const found = /(?:^|\/)(p\d{8})\//u.exec(String(values[column] ?? ''));
    if (found !== null) return found[1];
  }
  return undefined;
}
