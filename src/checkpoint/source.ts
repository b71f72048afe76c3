import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { GadoliniumError } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import { PythonObject, TorchTensor } from './python-values.js';
import { readSafetensors, type StoredTensor } from './safetensors.js';
import { elementsOf, readTorchFile } from './torch-file.js';

/** Weights as somebody else left them. */
export interface Source {
  path: string;
  tensors: Map<string, StoredTensor>;
  /** config.json of a Hugging Face folder. */
  config: Record<string, unknown> | undefined;
  /** Where in the file the tensors stood: `model`, or empty. */
  entry: string;
  /** Kinds of Python objects that the file holds and that were kept as inert data. */
  inert: string[];
  /** SHA-256 of each file that was read. */
  sha256: Record<string, string>;
  close(): void;
}

export interface SourceOptions {
  /** Path of the dictionary of tensors inside a file of torch.save, with dots; default: found. */
  entry?: string | undefined;
  /** Only tensors below this prefix, without it. */
  prefix?: string | undefined;
}

/**
 * Opens a file of torch.save, a safetensors file, or a Hugging Face folder of either (in one piece or sharded). Prefixes that wrappers
 * put on all names (`module.` of DataParallel, `_orig_mod.` of torch.compile) are taken away. Throws `bad-checkpoint`.
 */
export function openSource(path: string, { entry, prefix }: SourceOptions = {}): Source {
  if (!existsSync(path)) {
    throw GadoliniumError.expected(
      'bad-checkpoint',
      'a file or folder of weights',
      '--from',
      `${path}, which is absent`,
    );
  }
  const folder = statSync(path).isDirectory();
  const files = folder ? filesOf(path) : [path];
  const opened: FileBytes[] = [];
  const close = () => {
    for (const file of opened) file.close();
  };
  try {
    const tensors = new Map<string, StoredTensor>();
    const inert = new Set<string>();
    let found = '';
    for (const name of files) {
      const file = new FileBytes(name);
      opened.push(file);
      const part = isSafetensors(file)
        ? { entry: '', tensors: readSafetensors(file).tensors }
        : torchTensors(file, entry, inert);
      found = part.entry;
      for (const [key, tensor] of part.tensors) {
        if (tensors.has(key)) throw file.damaged(`${key} stands in another file of the folder too`);
        tensors.set(key, tensor);
      }
    }
    const config = folder ? json(join(path, 'config.json')) : undefined;
    const sha256 = Object.fromEntries(opened.map((file) => [basename(file.path), sha256Of(file)]));
    return {
      path,
      tensors: below(path, unwrapped(tensors), prefix),
      config,
      entry: found,
      inert: [...inert].sort(),
      sha256,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

const WHOLE = ['model.safetensors', 'pytorch_model.bin', 'open_clip_model.safetensors', 'open_clip_pytorch_model.bin'];

function filesOf(folder: string): string[] {
  for (const name of WHOLE) {
    if (existsSync(join(folder, name))) return [join(folder, name)];
    const index = json(join(folder, `${name}.index.json`))?.['weight_map'];
    if (typeof index === 'object' && index !== null) {
      const names = [...new Set(Object.values(index))].map(String).sort();
      // An index names files beside it; anything else would lead out of the folder.
      for (const shard of names) {
        if (shard !== basename(shard))
          throw GadoliniumError.expected('bad-checkpoint', 'file names', `${name}.index.json`, shard);
      }
      return names.map((shard) => join(folder, shard));
    }
  }
  throw GadoliniumError.expected(
    'bad-checkpoint',
    `one of ${WHOLE.join(', ')}`,
    'the folder of weights',
    `${folder}, which has none`,
  );
}

function json(file: string): Record<string, unknown> | undefined {
  if (!existsSync(file)) return undefined;
  try {
    const value = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch (error) {
    throw GadoliniumError.expected('bad-checkpoint', 'JSON', file, (error as Error).message);
  }
  throw GadoliniumError.expected('bad-checkpoint', 'an object', file, 'something else');
}

/** A header's length, then its opening brace. */
function isSafetensors(file: FileBytes): boolean {
  if (file.size < 10) return false;
  const start = file.read(0, 9);
  return start[8] === 0x7b && start.readBigUInt64LE(0) <= BigInt(file.size - 8);
}

function sha256Of(file: FileBytes): string {
  const hash = createHash('sha256');
  const piece = 16 << 20;
  for (let at = 0; at < file.size; at += piece) hash.update(file.read(at, Math.min(piece, file.size - at)));
  return hash.digest('hex');
}

/** Where checkpoints keep the dictionary of their model, by how common it is. */
const USUAL = ['state_dict', 'model', 'model_state_dict', 'net', 'network', 'module', 'weights'];

function torchTensors(
  file: FileBytes,
  wanted: string | undefined,
  inert: Set<string>,
): { entry: string; tensors: Map<string, StoredTensor> } {
  const { value, bigEndian } = readTorchFile(file);
  noteInert(value, inert);
  const stored = (tensors: Map<string, TorchTensor>) =>
    new Map([...tensors].map(([name, tensor]) => [name, storedTensor(file, name, tensor, bigEndian)]));
  const choices = new Map<string, Map<string, TorchTensor>>();
  const offer = (path: string, at: unknown) => {
    const tensors = tensorsOf(at);
    if (tensors.size) choices.set(path, tensors);
  };
  offer('', value);
  let looks = 0;
  for (const [key, item] of entriesOf(value)) {
    offer(key, item);
    for (const [inner, deeper] of entriesOf(item)) if (looks++ < MOST_ENTRIES) offer(`${key}.${inner}`, deeper);
  }
  const pick =
    wanted ??
    ['', ...USUAL].find((path) => choices.has(path)) ??
    (choices.size === 1 ? [...choices.keys()][0] : undefined);
  const tensors = pick === undefined ? undefined : choices.get(pick);
  if (!tensors) {
    const list = [...choices].slice(0, 20).map(([path, { size }]) => `${path || '(the whole)'} (${size} tensors)`);
    throw GadoliniumError.expected(
      'bad-checkpoint',
      wanted === undefined ? 'one dictionary of tensors that is the model' : `a dictionary of tensors called ${wanted}`,
      file.path,
      list.length ? `several: ${list.join(', ')}` : 'none',
      list.length ? 'name one with --entry' : 'save the state_dict() of the model',
    );
  }
  return { entry: pick as string, tensors: stored(tensors) };
}

function* entriesOf(value: unknown): Iterable<[string, unknown]> {
  const map = value instanceof Map ? value : value instanceof PythonObject ? value.entries : undefined;
  if (map) for (const [key, item] of map) if (typeof key === 'string') yield [key, item];
}

/** The tensors of a state dict, or of a whole module with its submodules, by name. */
function tensorsOf(value: unknown): Map<string, TorchTensor> {
  const out = new Map<string, TorchTensor>();
  for (const [name, item] of entriesOf(value)) if (item instanceof TorchTensor) out.set(name, item);
  // Depth first, with a bound: in a file made for it modules can hold each other in circles.
  const waiting: [string, unknown][] = value instanceof PythonObject ? [['', value]] : [];
  for (let visits = 0; waiting.length && visits < MOST_MODULES; visits++) {
    const [prefix, module] = waiting.pop() as [string, unknown];
    if (!(module instanceof PythonObject) || !(module.state instanceof Map)) continue;
    for (const kind of ['_parameters', '_buffers'])
      for (const [name, item] of entriesOf(module.state.get(kind)))
        if (item instanceof TorchTensor) out.set(prefix + name, item);
    if (prefix.length > LONGEST_NAME) continue;
    for (const [name, item] of entriesOf(module.state.get('_modules'))) waiting.push([`${prefix}${name}.`, item]);
  }
  return out;
}

/** Bounds for files that were made to keep a reader busy. */
const MOST_ENTRIES = 1_000_000;
const MOST_MODULES = 100_000;
const LONGEST_NAME = 1000;

function storedTensor(file: FileBytes, name: string, tensor: TorchTensor, bigEndian: boolean): StoredTensor {
  const { dtype, shape, storage } = tensor;
  if (dtype === null) throw file.damaged(`${name} is of a ${storage.kind}, which is not read`);
  return { dtype, shape, pieces: () => elementsOf(file, tensor, dtype, bigEndian) };
}

/** Names every kind of object that was not understood; each value is looked at once, however often it is referred to. */
function noteInert(root: unknown, kinds: Set<string>): void {
  const seen = new Set<unknown>();
  const waiting: unknown[] = [root];
  while (waiting.length) {
    const value = waiting.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    const parts: Iterable<unknown>[] = [];
    if (value instanceof PythonObject) {
      kinds.add(value.kind);
      parts.push([value.state], value.args, value.items, value.entries.values());
    } else if (value instanceof Map) parts.push(value.values());
    else if (Array.isArray(value) || value instanceof Set) parts.push(value);
    for (const part of parts) for (const item of part) waiting.push(item);
  }
}

function unwrapped(tensors: Map<string, StoredTensor>): Map<string, StoredTensor> {
  const wrapper = ['module.', '_orig_mod.'].find((one) => [...tensors.keys()].every((name) => name.startsWith(one)));
  if (!wrapper || tensors.size === 0) return tensors;
  return unwrapped(new Map([...tensors].map(([name, tensor]) => [name.slice(wrapper.length), tensor])));
}

function below(path: string, tensors: Map<string, StoredTensor>, prefix = ''): Map<string, StoredTensor> {
  const out = new Map(
    [...tensors].filter(([name]) => name.startsWith(prefix)).map(([name, one]) => [name.slice(prefix.length), one]),
  );
  if (out.size === 0) {
    const heads = [...new Set([...tensors.keys()].map((name) => name.split('.')[0]))].slice(0, 12);
    throw GadoliniumError.expected(
      'bad-checkpoint',
      `tensors below '${prefix}'`,
      path,
      `none; names begin with ${heads.join(', ')}`,
    );
  }
  return out;
}
