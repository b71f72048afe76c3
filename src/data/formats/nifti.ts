/** NIfTI-1 and NIfTI-2 volumes (.nii, .nii.gz): header, geometry and raw voxels. */
import { gunzipSync } from 'node:zlib';

export class NiftiError extends Error {}

export interface Nifti {
  version: 1 | 2;
  /** Size along x, y, z, then time and further axes where there are any. */
  shape: number[];
  dtype: string;
  bits: number;
  littleEndian: boolean;
  /** value = slope · raw + intercept; 1 and 0 where the header says none. */
  slope: number;
  intercept: number;
  /** Millimetres along x, y, z. */
  spacing: number[];
  /** Voxel (x, y, z) → RAS millimetres, 3×4 row by row: sform if it is set, else qform, else spacing alone. */
  affine: number[];
  sformCode: number;
  qformCode: number;
  /** Where each voxel axis points: RAS, LPS, … */
  axcodes: string;
  /** Raw voxels, little-endian, in the file's order: x fastest. */
  voxels(): Uint8Array;
}

interface VoxelType {
  name: string;
  bytes: number;
}

const TYPES: Record<number, VoxelType> = {
  2: { name: 'uint8', bytes: 1 },
  4: { name: 'int16', bytes: 2 },
  8: { name: 'int32', bytes: 4 },
  16: { name: 'float32', bytes: 4 },
  64: { name: 'float64', bytes: 8 },
  256: { name: 'int8', bytes: 1 },
  512: { name: 'uint16', bytes: 2 },
  768: { name: 'uint32', bytes: 4 },
};

export function readNifti(file: Uint8Array): Nifti {
  const bytes = unzipped(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 348) throw new NiftiError(`a header needs 348 bytes, the file has ${bytes.length}`);
  const size = view.getInt32(0, true);
  const littleEndian = size === 348 || size === 540;
  const headerSize = littleEndian ? size : view.getInt32(0, false);
  if (headerSize !== 348 && headerSize !== 540) throw new NiftiError('neither 348 nor 540 as the size of the header');
  const version = headerSize === 348 ? 1 : 2;
  const field = fieldsOf(view, littleEndian, version);
  const rank = field.dim(0);
  if (rank < 1 || rank > 7) throw new NiftiError(`${rank} dimensions`);
  const shape = Array.from({ length: Math.max(3, rank) }, (_, i) => (i < rank ? Math.max(1, field.dim(i + 1)) : 1));
  const type = TYPES[field.datatype];
  if (type === undefined) throw new NiftiError(`voxels of type ${field.datatype}`);
  const scaled = Number.isFinite(field.slope) && field.slope !== 0;
  const spacing = [1, 2, 3].map((axis) => Math.abs(field.pixdim(axis)) || 1);
  const affine = affineOf(field, spacing);
  return {
    version,
    shape,
    dtype: type.name,
    bits: type.bytes * 8,
    littleEndian,
    slope: scaled ? field.slope : 1,
    intercept: scaled && Number.isFinite(field.intercept) ? field.intercept : 0,
    spacing,
    affine,
    sformCode: field.sformCode,
    qformCode: field.qformCode,
    axcodes: axcodes(affine),
    voxels() {
      const wanted = shape.reduce((product, length) => product * length, type.bytes);
      const raw = bytes.subarray(field.offset, field.offset + wanted);
      if (raw.length < wanted) throw new NiftiError(`the voxels end after ${raw.length} of ${wanted} bytes`);
      if (littleEndian || type.bytes === 1) return raw;
      const swapped = Buffer.from(raw);
      if (type.bytes === 2) swapped.swap16();
      else if (type.bytes === 4) swapped.swap32();
      else swapped.swap64();
      return swapped;
    },
  };
}

function unzipped(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file);
  } catch (error) {
    throw new NiftiError(`a gzip stream that is cut short or damaged (${(error as Error).message})`);
  }
}

type Fields = ReturnType<typeof fieldsOf>;

/** The header's fields by name; the two versions keep them at different places and widths. */
function fieldsOf(view: DataView, little: boolean, version: 1 | 2) {
  const one = version === 1;
  const float = (at1: number, at2: number) => (one ? view.getFloat32(at1, little) : view.getFloat64(at2, little));
  const integer = (at1: number, at2: number) => (one ? view.getInt16(at1, little) : view.getInt32(at2, little));
  return {
    dim: (i: number) => (one ? view.getInt16(40 + 2 * i, little) : Number(view.getBigInt64(16 + 8 * i, little))),
    datatype: view.getInt16(one ? 70 : 12, little),
    pixdim: (i: number) => float(76 + 4 * i, 104 + 8 * i),
    offset: one ? view.getFloat32(108, little) : Number(view.getBigInt64(168, little)),
    slope: float(112, 176),
    intercept: float(116, 184),
    qformCode: integer(252, 344),
    sformCode: integer(254, 348),
    quatern: (i: number) => float(256 + 4 * i, 352 + 8 * i),
    qoffset: (i: number) => float(268 + 4 * i, 376 + 8 * i),
    srow: (i: number) => float(280 + 4 * i, 400 + 8 * i),
  };
}

function affineOf(field: Fields, spacing: number[]): number[] {
  if (field.sformCode > 0) return Array.from({ length: 12 }, (_, i) => field.srow(i));
  const [sx, sy, sz] = spacing as [number, number, number];
  if (field.qformCode <= 0) return [sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, sz, 0];
  // Unit quaternion (a, b, c, d); pixdim[0] = -1 turns the z axis round.
  const [b, c, d] = [field.quatern(0), field.quatern(1), field.quatern(2)];
  const a = Math.sqrt(Math.max(0, 1 - b * b - c * c - d * d));
  const z = sz * (field.pixdim(0) < 0 ? -1 : 1);
  return [
    sx * (a * a + b * b - c * c - d * d),
    sy * 2 * (b * c - a * d),
    z * 2 * (b * d + a * c),
    field.qoffset(0),
    sx * 2 * (b * c + a * d),
    sy * (a * a + c * c - b * b - d * d),
    z * 2 * (c * d - a * b),
    field.qoffset(1),
    sx * 2 * (b * d - a * c),
    sy * 2 * (c * d + a * b),
    z * (a * a + d * d - b * b - c * c),
    field.qoffset(2),
  ];
}

/** For each voxel axis the world axis it points along most, each world axis once. */
function axcodes(affine: number[]): string {
  const names = ['LR', 'PA', 'IS'];
  const codes = ['?', '?', '?'];
  const entries = [0, 1, 2].flatMap((axis) =>
    [0, 1, 2].map((world) => ({ axis, world, value: affine[4 * world + axis]! })),
  );
  const length = (axis: number) => Math.hypot(affine[axis]!, affine[4 + axis]!, affine[8 + axis]!) || 1;
  entries.sort((p, q) => Math.abs(q.value) / length(q.axis) - Math.abs(p.value) / length(p.axis));
  const taken = new Set<number>();
  for (const { axis, world, value } of entries) {
    if (codes[axis] !== '?' || taken.has(world)) continue;
    taken.add(world);
    codes[axis] = names[world]![value < 0 ? 0 : 1]!;
  }
  return codes.join('');
}
