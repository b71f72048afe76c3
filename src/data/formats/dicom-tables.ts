/** DICOM's look-up tables: modality, VOI and palette (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5). */
import type { DataSet } from 'dicom-parser';

export interface LookupTable {
  /** The stored value of the first entry; smaller ones take the first entry, larger ones the last. */
  first: number;
  /** Bits of an entry. */
  bits: number;
  entries: Uint16Array;
}

export function lookedUp({ first, entries }: LookupTable, value: number): number {
  return entries[Math.min(entries.length - 1, Math.max(0, Math.round(value) - first))]!;
}

/** The table of one item of a LUT sequence: LUT Descriptor and LUT Data. null: there is none, or it is not whole. */
export function lookupTable(item: DataSet | undefined, signed: boolean): LookupTable | null {
  return item === undefined ? null : tableOf(item, 'x00283002', 'x00283006', signed);
}

export function paletteOf(data: DataSet, signed: boolean): [LookupTable, LookupTable, LookupTable] | null {
  const red = tableOf(data, 'x00281101', 'x00281201', signed);
  const green = tableOf(data, 'x00281102', 'x00281202', signed);
  const blue = tableOf(data, 'x00281103', 'x00281203', signed);
  return red && green && blue ? [red, green, blue] : null;
}

function tableOf(data: DataSet, descriptor: string, values: string, signed: boolean): LookupTable | null {
  const count = data.uint16(descriptor, 0);
  const first = signed ? data.int16(descriptor, 1) : data.uint16(descriptor, 1);
  const bits = data.uint16(descriptor, 2);
  const element = data.elements[values];
  if (count === undefined || first === undefined || bits === undefined || element === undefined) return null;
  const length = count === 0 ? 65536 : count; // 65,536 does not fit its 16 bits
  // Entries of 8 bits may be packed two to a word.
  const packed = bits <= 8 && element.length < length * 2;
  if (element.length < (packed ? length : 2 * length)) return null;
  const entries = Uint16Array.from({ length }, (_, at) =>
    packed ? data.byteArray[element.dataOffset + at]! : data.uint16(values, at)!,
  );
  return { first, bits, entries };
}
