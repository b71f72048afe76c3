import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { HeadPart, InputPart } from '../config/parts.js';
import { GadoliniumError } from '../errors.js';
import type { Architecture, Shapes } from './architectures/architecture.js';
import type { PictureReading, TextReading } from './metadata.js';
import type { Source } from './source.js';

/** Somebody's checkpoints: which tensors are which of ours. One file of src/checkpoint/formats each, named like the format. */
export interface Format {
  /** Whose weights, in one line. */
  title: string;
  /** A command that reads one. */
  example: string;
  /** What is read, by the command's option for it: `from`, or `image` and `text`. The first is needed. */
  sources: Readonly<Partial<Record<SourceOption, FormatSource>>>;
  /** How the official code uses the model; absent: its weights only start a recipe's parts. */
  inference?: Inference;
}

export const SOURCE_OPTIONS = ['from', 'image', 'text'] as const;
export type SourceOption = (typeof SOURCE_OPTIONS)[number];

/** One file or folder of theirs. */
export interface FormatSource {
  pieces: readonly Piece[];
  /** What is known and has no place in our parts, and why. */
  leftOut: readonly { match: RegExp; why: string }[];
  /** What stands around the tensors of an official file, so that an export looks like one. */
  wrapping?: { entry: string; prefix: string };
  /** Tensors that stand in the file under a second name, where the tensor `beside` is there. */
  tied?: readonly { name: string; of: string; beside: string }[];
  /** Tensors that the official code wants and never uses: written as zeros where there are none. */
  unused?: Readonly<Record<string, readonly number[]>>;
}

/** The tensors of one of our parts. */
export interface Piece {
  /** Prefix of our keys: `encoders.image`, `heads.image-projection`, `objectives.masked-language`. */
  into: string;
  /** Our name below `into` of a tensor of theirs; undefined: it belongs to another piece, or to none. */
  rename(name: string): string | undefined;
  /** Their name of a tensor of ours, the other way round; undefined: it has none there. Absent: the format is not written. */
  named?(ours: string): string | undefined;
  architecture(shapes: Shapes, config: Readonly<Record<string, unknown>> | undefined): Architecture;
  /** Not every file has it. */
  optional?: boolean;
  /** Their 1×1 convolution is our linear layer: trailing extents of 1 are dropped. */
  flatten?: boolean;
}

/** Official inference, as parts of ours. */
export interface Inference {
  /** Inputs by modality; of a modality without an encoder in the file none is taken. */
  data: Readonly<Record<string, InputPart>>;
  /** Heads without weights, after those of the pieces. */
  pools?: readonly HeadPart[];
  pictures?: PictureReading | ((source: Source) => PictureReading);
  texts?: TextReading;
}

/** Beside this file, compiled or not. */
const folder = fileURLToPath(new URL('./formats/', import.meta.url));
const source = /\.[jt]s$/;

/** Names of the formats: the files of src/checkpoint/formats. */
export function formatNames(): string[] {
  return readdirSync(folder)
    .filter((file) => source.test(file) && !file.endsWith('.d.ts'))
    .map((file) => file.replace(source, ''))
    .sort();
}

/** Throws `usage` listing the known ones. */
export async function findFormat(name: string): Promise<Format> {
  if (!formatNames().includes(name)) {
    throw GadoliniumError.expected('usage', 'a format', 'FORMAT', name, `known: ${formatNames().join(', ')}`);
  }
  const file = ['js', 'ts']
    .map((ending) => join(folder, `${name}.${ending}`))
    .find((path) => existsSync(path)) as string;
  return ((await import(pathToFileURL(file).href)) as { format: Format }).format;
}

/** What lies below a prefix, without it. */
export const below =
  (prefix: string) =>
  (name: string): string | undefined =>
    name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
