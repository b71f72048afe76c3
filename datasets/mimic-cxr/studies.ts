/** Images of the release → studies of patients, in order of time. */
import { viewOf } from '../../src/radiology/view.js';

export interface ImageRecord {
  /** Digits alone: 10000032, 50414267. */
  subject: string;
  study: string;
  dicom: string;
  file: string;
  /** As the release says it; empty where it says nothing. */
  view: string;
  procedure: string;
  /** yyyymmdd, and hhmmss with a fraction; a table that was read as numbers has lost leading zeros of the time. */
  date: string;
  time: string;
  modality?: 'CR' | 'DX';
  split?: string | undefined;
  /** Row of the table that lists it. */
  row: number;
}

export interface Study {
  /** p10000032 and s50414267, as folders are called. */
  patient: string;
  id: string;
  /** 2180-05-06T21:30:14.531; undefined where the release does not say it. */
  time: string | undefined;
  images: ImageRecord[];
  /** Rank in time; undefined without a time. */
  order?: number;
  /** Studies before, nearest first. */
  earlier: Study[];
}

/** Patients by number, studies of a patient by time, those without a time last. Images keep their order. */
export function studiesOf(records: Iterable<ImageRecord>): Study[] {
  const studies = new Map<string, Study>();
  for (const record of records) {
    const key = `${record.subject}/${record.study}`;
    let study = studies.get(key);
    if (study === undefined) {
      study = { patient: `p${record.subject}`, id: `s${record.study}`, time: undefined, images: [], earlier: [] };
      studies.set(key, study);
    }
    study.images.push(record);
    const time = timeOf(record.date, record.time);
    if (time !== undefined && (study.time === undefined || time < study.time)) study.time = time;
  }
  const sorted = [...studies.values()].sort(
    (a, b) => Number(a.patient.slice(1)) - Number(b.patient.slice(1)) || compareTimes(a, b),
  );
  rank(sorted);
  return sorted;
}

function compareTimes(a: Study, b: Study): number {
  const [one, other] = [a.time ?? '\uffff', b.time ?? '\uffff'];
  if (one !== other) return one < other ? -1 : 1;
  return Number(a.id.slice(1)) - Number(b.id.slice(1));
}

function rank(sorted: readonly Study[]): void {
  let begun: Study[] = [];
  for (const study of sorted) {
    if (begun[0]?.patient !== study.patient) begun = [];
    if (study.time === undefined) continue;
    study.order = begun.length;
    // Of two studies of one moment neither is before the other.
    study.earlier = begun.filter(({ time }) => time! < study.time!).reverse();
    begun.push(study);
  }
}

/** ISO 8601, fraction as given; undefined unless both are whole. */
export function timeOf(date: string, time: string): string | undefined {
  const day = /^(\d{4})(\d{2})(\d{2})(?:\.0*)?$/u.exec(date.trim());
  const [whole = '', fraction = ''] = time.trim().split('.');
  if (day === null || !/^\d{1,6}$/u.test(whole) || !/^\d*$/u.test(fraction)) return undefined;
  const digits = whole.padStart(6, '0');
  const clock = `${digits.slice(0, 2)}:${digits.slice(2, 4)}:${digits.slice(4)}`;
  const rest = fraction.replace(/0+$/u, '');
  return `${day[1]}-${day[2]}-${day[3]}T${clock}${rest === '' ? '' : `.${rest}`}`;
}

/** The folder of a study below `files`: p10/p10000032/s50414267. */
export const studyPath = (patient: string, study: string) => `${patient.slice(0, 3)}/${patient}/${study}`;

export const frontal = ({ view }: ImageRecord) => ['PA', 'AP'].includes(viewOf(view));
