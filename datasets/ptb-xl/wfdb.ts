/** Records of WFDB in format 16: a header of text and a file of 16-bit samples, those of one moment side by side (header(5) of WFDB). */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Signal {
  /** As the header calls them, in capitals. */
  leads: string[];
  hertz: number;
  /** Samples a lead. */
  length: number;
  /** Lead by lead, in the header's units (mV). NaN where the record has no value. */
  values: Float32Array;
  /** Whether every lead's sum is the one that the header says. */
  intact: boolean;
}

/** A gain that is not said, by the format's own rule. */
const DEFAULT_GAIN = 200;
const NO_VALUE = -32768;

/** @param path of the record, without an ending. A text says why there is none. */
export function readSignal(path: string): Signal | string {
  if (!existsSync(`${path}.hea`)) return 'no header file';
  const lines = readFileSync(`${path}.hea`, 'utf8')
    .split(/\r?\n/u)
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const [, count, frequency, samples] = (lines[0] ?? '').split(/\s+/u);
  const [leads, hertz, length] = [Number(count), Number.parseFloat(frequency ?? ''), Number(samples)];
  const sizes = Number.isInteger(leads) && leads > 0 && Number.isInteger(length) && length > 0 && hertz > 0;
  if (!sizes || lines.length < leads + 1) return 'a header without leads, samples and frequency';
  const said = lines.slice(1, leads + 1).map(leadOf);
  const wrong = said.find((lead) => typeof lead === 'string');
  if (wrong !== undefined) return wrong;
  const all = said as Lead[];
  const [file] = new Set(all.map((lead) => lead.file));
  if (all.some((lead) => lead.file !== file)) return 'leads in several files';
  const data = join(dirname(path), file!);
  if (!existsSync(data)) return 'no file of samples';
  const bytes = readFileSync(data);
  if (bytes.length !== 2 * leads * length) return `${bytes.length} bytes where the header says ${2 * leads * length}`;
  return { leads: all.map(({ name }) => name), hertz, length, ...decoded(bytes, all, length) };
}

interface Lead {
  file: string;
  gain: number;
  baseline: number;
  checksum: number | undefined;
  name: string;
}

/** 00001_lr.dat 16 1000.0(0)/mV 16 0 -119 1508 0 I */
function leadOf(line: string): Lead | string {
  const [file, format, gain = '', , zero = '0', , checksum, , ...name] = line.trim().split(/\s+/u);
  if (format !== '16') return `samples of format ${format}, where 16 is read`;
  const match = /^(-?[\d.eE+]+)(?:\((-?\d+)\))?(?:\/\S+)?$/u.exec(gain);
  const factor = Number(match?.[1] ?? 0);
  return {
    file: file!,
    gain: Number.isFinite(factor) && factor !== 0 ? factor : DEFAULT_GAIN,
    baseline: Number(match?.[2] ?? zero),
    checksum: checksum === undefined ? undefined : Number(checksum),
    name: name.join(' ').toUpperCase(),
  };
}

function decoded(bytes: Buffer, leads: Lead[], length: number): Pick<Signal, 'values' | 'intact'> {
  const values = new Float32Array(leads.length * length);
  let intact = true;
  for (const [lead, { gain, baseline, checksum }] of leads.entries()) {
    let sum = 0;
    for (let t = 0; t < length; t++) {
      const raw = bytes.readInt16LE(2 * (t * leads.length + lead));
      sum = (sum + raw) & 0xffff;
      values[lead * length + t] = raw === NO_VALUE ? Number.NaN : (raw - baseline) / gain;
    }
    if (checksum !== undefined && (checksum & 0xffff) !== sum) intact = false;
  }
  return { values, intact };
}
