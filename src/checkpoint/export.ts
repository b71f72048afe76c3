import { GadoliniumError } from '../errors.js';
import { FileBytes } from './file-bytes.js';
import type { Format, FormatSource, Piece, SourceOption } from './format.js';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.js';
import { bytesOf, writeTorchFile } from './torch-writer.js';

/** What an export wrote. */
export interface ExportReport {
  format: string;
  /** Which of the format's files: `image`, `text` or `from`. */
  part: SourceOption;
  tensors: number;
  /** Tensors that the checkpoint lacks, that the official code wants and never uses: zeros. */
  zeros: string[];
  /** Parts of the format that the checkpoint does not have. */
  absent: string[];
  /** Tensors of the checkpoint that have no place in the format. */
  leftOut: string[];
  /** The averaged weights of the run, where it keeps them. */
  averaged: boolean;
  bytes: number;
}

/** Whether weights of a format can be written. */
export const isWritten = ({ sources }: Format): boolean =>
  Object.values(sources).every(({ pieces }) => pieces.every(({ named }) => named));

/**
 * Writes tensors of a checkpoint under the official names: torch.save's format, or safetensors where `to` ends so (which holds no tensor
 * twice: what is tied is left out, as transformers does). Throws `export-mismatch` where the checkpoint lacks a part that is needed.
 */
export function exportWeights(
  name: string,
  format: Format,
  part: SourceOption,
  checkpoint: string,
  to: string,
): ExportReport {
  const source = format.sources[part] as FormatSource;
  const file = new FileBytes(checkpoint);
  try {
    const { tensors } = readSafetensors(file);
    const averaged = [...tensors.keys()].some((key) => key.startsWith('average/'));
    const of = (key: string) => (averaged && tensors.get(`average/${key}`)) || tensors.get(key);
    const out = new Map<string, StoredTensor>();
    const used = new Set<string>();
    const absent: string[] = [];
    for (const piece of source.pieces) {
      const own = [...tensors.keys()].filter((key) => key.startsWith(`${piece.into}.`));
      if (own.length === 0 && piece.optional) absent.push(piece.into);
      else if (own.length === 0) {
        const known = [...new Set([...tensors.keys()].map((key) => /^[^.]+\.[^.]+/.exec(key)?.[0] ?? key))];
        throw GadoliniumError.expected(
          'export-mismatch',
          `tensors below ${piece.into}, which ${name} has`,
          checkpoint,
          known.filter((one) => !one.includes('/')).slice(0, 12),
          'give another format, or a checkpoint of its recipe',
        );
      }
      for (const key of own) {
        const theirs = piece.named!(key.slice(piece.into.length + 1));
        if (theirs === undefined) continue;
        used.add(key);
        out.set(theirs, shaped(piece, of(key) as StoredTensor));
      }
    }
    const zeros: string[] = [];
    for (const [theirs, shape] of Object.entries(source.unused ?? {})) {
      if (out.has(theirs)) continue;
      zeros.push(theirs);
      out.set(theirs, zeroed(shape));
    }
    const safetensors = to.endsWith('.safetensors');
    if (!safetensors) {
      for (const { name: second, of: first, beside } of source.tied ?? []) {
        const tensor = out.get(first);
        if (tensor && out.has(beside)) out.set(second, tensor);
      }
    }
    const { entry = '', prefix = '' } = source.wrapping ?? {};
    const wrapped = new Map([...out].map(([theirs, tensor]) => [safetensors ? theirs : prefix + theirs, tensor]));
    const bytes = safetensors
      ? writeSafetensors(to, wrapped, { format: 'pt' }).bytes
      : writeTorchFile(to, wrapped, entry);
    const leftOut = [...tensors.keys()].filter((key) => !key.includes('/') && !used.has(key));
    return { format: name, part, tensors: wrapped.size, zeros, absent, leftOut, averaged, bytes };
  } finally {
    file.close();
  }
}

/** A linear layer of ours as the 1×1 convolution that it is there. */
function shaped(piece: Piece, tensor: StoredTensor): StoredTensor {
  if (!piece.flatten || tensor.shape.length !== 2) return tensor;
  return { dtype: tensor.dtype, shape: [...tensor.shape, 1, 1], pieces: () => tensor.pieces() };
}

function zeroed(shape: readonly number[]): StoredTensor {
  const tensor: StoredTensor = { dtype: 'F32', shape, pieces: () => [new Uint8Array(bytesOf(tensor))] };
  return tensor;
}
