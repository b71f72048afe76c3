/** One DICOM file. Pixels that cannot be decoded: the facts come without min, max and hash, with the reason. */
import { readFileSync } from 'node:fs';
import { GadoliniumError } from '../../errors.js';
import { DicomError, type DicomImage, readDicom } from '../formats/dicom.js';
import type { LookupTable } from '../formats/dicom-tables.js';
import { type Inspector, startsWith } from '../inspect.js';
import { valueFacts } from '../shards/stored-values.js';

const dicom: Inspector = {
  kind: 'dicom',
  // Some files lack the preamble: they start with group 0002 or 0008, little-endian.
  recognises: ({ head }) =>
    startsWith(head, 'DICM', 128) ||
    ['\x02\0\0\0', '\x08\0\0\0', '\x08\0\x05\0', '\x08\0\x08\0', '\x08\0\x16\0'].some((magic) =>
      startsWith(head, magic),
    ),
  async inspect(path) {
    try {
      const { image, transferSyntax, stored } = readDicom(readFileSync(path));
      if (image === undefined)
        return { kind: 'dicom', path, format: 'dicom', transferSyntax, note: 'the file holds no image' };
      const facts = { kind: 'dicom', path, format: 'dicom', ...image, ...tableFacts(image) };
      try {
        return { ...facts, ...valueFacts(await stored()) };
      } catch (error) {
        if (!(error instanceof DicomError)) throw error;
        return { ...facts, min: null, max: null, storedSha256: null, note: error.message };
      }
    } catch (error) {
      if (error instanceof DicomError)
        throw new GadoliniumError('bad-dicom', `expected a DICOM file for ${path} but got: ${error.message}`);
      throw error;
    }
  },
};

/** What the look-up tables are, without their entries. */
function tableFacts({ modalityTable, voiTable, palette }: DicomImage) {
  const facts = (table: LookupTable | null) => (table ? { ...table, entries: table.entries.length } : null);
  return {
    modalityTable: facts(modalityTable),
    voiTable: facts(voiTable),
    palette: palette ? facts(palette[0]) : null,
  };
}

export default dicom;
