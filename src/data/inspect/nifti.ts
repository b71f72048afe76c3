/** One NIfTI volume, also gzipped. */
import { readFileSync } from 'node:fs';
import { GadoliniumError } from '../../errors.js';
import { NiftiError, readNifti } from '../formats/nifti.js';
import { type Inspector, startsWith } from '../inspect.js';
import { arrayOf, valueFacts } from '../shards/stored-values.js';

const nifti: Inspector = {
  kind: 'nifti',
  recognises: ({ path, head }) =>
    startsWith(head, 'n+1\0', 344) ||
    startsWith(head, 'n+2\0', 4) ||
    (startsWith(head, '\x1f\x8b') && /\.nii\.gz$/i.test(path)),
  async inspect(path) {
    try {
      const volume = readNifti(readFileSync(path));
      const { shape, bits, slope, intercept, spacing, affine, axcodes, sformCode, qformCode, littleEndian, version } =
        volume;
      const values = valueFacts(arrayOf(volume.dtype, volume.voxels()));
      return {
        kind: 'nifti',
        path,
        format: `nifti-${version}`,
        shape,
        columns: shape[0],
        rows: shape[1],
        frames: shape[2],
        bits,
        littleEndian,
        slope,
        intercept,
        spacing,
        orientation: axcodes,
        affine,
        sformCode,
        qformCode,
        ...values,
      };
    } catch (error) {
      if (error instanceof NiftiError)
        throw new GadoliniumError('bad-nifti', `expected a NIfTI volume for ${path} but got: ${error.message}`);
      throw error;
    }
  },
};
export default nifti;
