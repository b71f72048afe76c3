import type { GadoliniumError } from '../errors.js';
import { DTYPE_BYTES, type Dtype, TORCH_DTYPES } from './dtypes.js';

/** The name of something in a Python module. Naming it is all that is ever done. */
export class Global {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
  get path(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An instance of a class, or the result of a call, that nothing here knows: inert data. */
export class PythonObject {
  state: unknown;
  readonly entries = new Map<unknown, unknown>();
  readonly items: unknown[] = [];
  constructor(
    readonly kind: string,
    readonly args: readonly unknown[],
  ) {}
}

/** A run of elements in a file. `dtype` is null for untyped storages and for types that are not read. */
export interface Storage {
  key: string;
  kind: string;
  dtype: Dtype | null;
  /** Elements; of untyped storages bytes. */
  elements: number;
  /** First byte in the file; −1 as long as it is not known (the legacy format says it last). */
  at: number;
  /** For a view of another storage (legacy format): its first element there. */
  first: number;
  /** Compares the data with their checksum where the file has one; called before they are used. */
  verify?: () => void;
}

/** A tensor of a checkpoint: where its elements lie. Strides and offset are in elements. */
export class TorchTensor {
  constructor(
    readonly storage: Storage,
    readonly dtype: Dtype | null,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly offset: number,
  ) {}
}

/** Views that repeat elements may be at most so much larger than what they show. */
const LARGEST_EXPANSION = 1 << 24;

type Damaged = (why: string) => GadoliniumError;

/** What a call gives. Only the globals below are understood; a call of any other becomes inert data. */
export function callGlobal(callee: Global, args: readonly unknown[], damaged: Damaged): unknown {
  const path = callee.path.replace(/^__builtin__\./, 'builtins.').replace(/^numpy\._core\./, 'numpy.core.');
  switch (path) {
    case 'collections.OrderedDict':
      return orderedDictionary(args[0]);
    case 'collections.defaultdict':
      return orderedDictionary(args[1]);
    case 'builtins.dict':
    case 'collections.Counter':
      return orderedDictionary(args[0]);
    case 'builtins.set':
    case 'builtins.frozenset':
      return new Set(Array.isArray(args[0]) ? args[0] : []);
    case 'builtins.list':
    case 'builtins.tuple':
    case 'torch.Size':
      return Array.isArray(args[0]) ? [...args[0]] : [];
    case 'builtins.bytearray':
      return args[0] instanceof Uint8Array ? args[0] : Buffer.alloc(0);
    case '_codecs.encode':
      return typeof args[0] === 'string' ? Buffer.from(args[0], 'latin1') : new PythonObject(callee.path, args);
    case 'torch._utils._rebuild_tensor':
    case 'torch._utils._rebuild_tensor_v2':
      return tensor(args, undefined, damaged);
    case 'torch._utils._rebuild_tensor_v3':
      return tensor(args, args[6], damaged);
    case 'torch._utils._rebuild_parameter':
    case 'torch._utils._rebuild_parameter_with_state':
      return args[0];
    case 'torch._tensor._rebuild_from_type_v2': {
      const [build, , given] = args;
      return build instanceof Global && build.path.startsWith('torch._utils._rebuild_') && Array.isArray(given)
        ? callGlobal(build, given, damaged)
        : new PythonObject(callee.path, args);
    }
    case 'numpy.core.multiarray.scalar':
      return numpyScalar(args) ?? new PythonObject(callee.path, args);
    default:
      return new PythonObject(callee.path, args);
  }
}

function orderedDictionary(given: unknown): Map<unknown, unknown> {
  if (given instanceof Map) return new Map(given);
  const pairs = Array.isArray(given) ? given.filter((pair) => Array.isArray(pair) && pair.length === 2) : [];
  return new Map(pairs as [unknown, unknown][]);
}

function tensor(args: readonly unknown[], dtypeOfV3: unknown, damaged: Damaged): TorchTensor {
  const [storage, offset, shape, strides] = args as [Storage, unknown, unknown, unknown];
  const whole = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof storage !== 'object' || storage === null || !('elements' in storage)) {
    throw damaged('a tensor has no storage');
  }
  if (
    !whole(offset) ||
    !Array.isArray(shape) ||
    !Array.isArray(strides) ||
    shape.length !== strides.length ||
    shape.length > 64 ||
    !shape.every(whole) ||
    !strides.every(whole)
  ) {
    throw damaged('a tensor has an impossible shape, stride or offset');
  }
  let dtype = storage.dtype;
  let room = storage.elements;
  if (dtypeOfV3 instanceof Global) {
    dtype = TORCH_DTYPES[dtypeOfV3.name] ?? null;
    if (storage.kind === 'UntypedStorage') room = Math.floor(storage.elements / (dtype ? DTYPE_BYTES[dtype] : 1));
  }
  const count = shape.reduce((product: number, extent: number) => product * extent, 1);
  const last = shape.reduce((sum: number, extent: number, i) => sum + (extent - 1) * strides[i], offset as number);
  if (count > 0 && last >= room) throw damaged(`a tensor of shape [${shape}] is larger than its storage`);
  if (count > Math.max(room, LARGEST_EXPANSION)) throw damaged(`a tensor of shape [${shape}] repeats its storage`);
  return new TorchTensor(storage, dtype, shape, strides, offset as number);
}

/** numpy's scalar(dtype, bytes), for the kinds that JavaScript has numbers for. */
function numpyScalar([dtype, bytes]: readonly unknown[]): number | boolean | bigint | undefined {
  const name = dtype instanceof PythonObject && dtype.kind === 'numpy.dtype' ? dtype.args[0] : undefined;
  if (typeof name !== 'string' || !(bytes instanceof Uint8Array)) return undefined;
  const buffer = Buffer.from(bytes);
  const read: Record<string, [number, () => number | boolean | bigint]> = {
    f8: [8, () => buffer.readDoubleLE()],
    f4: [4, () => buffer.readFloatLE()],
    i8: [8, () => buffer.readBigInt64LE()],
    i4: [4, () => buffer.readInt32LE()],
    i2: [2, () => buffer.readInt16LE()],
    i1: [1, () => buffer.readInt8()],
    u1: [1, () => buffer.readUInt8()],
    b1: [1, () => buffer[0] !== 0],
  };
  const found = read[name];
  if (!found || found[0] !== buffer.length) return undefined;
  const value = found[1]();
  return typeof value === 'bigint' && BigInt(Number(value)) === value ? Number(value) : value;
}
