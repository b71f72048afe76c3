/** Says what a path holds. Each kind of thing is one file of inspect/, found by listing the folder. */
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GadoliniumError } from '../errors.js';
import type { Manifest } from './manifest.js';

export interface Inspected {
  /** The kind's name: image, dicom, nifti, shard, dataset … */
  kind: string;
  [fact: string]: unknown;
}

/** What is known of a path before anybody opens it. */
export interface Candidate {
  path: string;
  folder: boolean;
  /** The first 512 bytes of a file; empty for a folder. */
  head: Uint8Array;
}

export interface Inspector {
  kind: string;
  /** Whether the path is of this kind, judged by names and first bytes; at most one kind may say yes. */
  recognises(candidate: Candidate): boolean;
  /** Facts in the order in which people should read them. */
  inspect(path: string): Promise<Inspected>;
}

const folder = fileURLToPath(new URL('./inspect/', import.meta.url));

export async function inspectors(): Promise<Inspector[]> {
  const files = readdirSync(folder)
    .filter((name) => /(?<!\.d)\.(?:js|ts)$/.test(name))
    .sort();
  return Promise.all(
    files.map(
      async (name) =>
        ((await import(new URL(`./inspect/${name}`, import.meta.url).href)) as { default: Inspector }).default,
    ),
  );
}

export async function inspectPath(path: string): Promise<Inspected> {
  if (!existsSync(path))
    throw GadoliniumError.expected('no-path', 'a file or folder', 'inspect', `${path}, which does not exist`);
  const isFolder = statSync(path).isDirectory();
  const candidate = { path, folder: isFolder, head: isFolder ? new Uint8Array() : headOf(path) };
  const known = await inspectors();
  const own = known.find((inspector) => inspector.recognises(candidate));
  if (own === undefined) {
    throw GadoliniumError.expected(
      'unknown-kind',
      `one of ${known.map((inspector) => inspector.kind).join(', ')}`,
      'inspect',
      path,
    );
  }
  return own.inspect(path);
}

/** What people should read of a data set; `damaged`: a sentence for each file that is not what it should be. */
export function datasetFacts(manifest: Manifest, path: string, damaged: string[]): Inspected {
  const { format: _, metadata: __, options: ___, prompts, ...facts } = manifest;
  return {
    kind: 'dataset',
    path,
    damaged,
    ...facts,
    prompts: prompts.map(({ name, classes }) => ({ name, classes: classes.length })),
  };
}

function headOf(path: string): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(512);
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(file);
  }
}

export const startsWith = (head: Uint8Array, text: string, at = 0) =>
  Buffer.from(head).toString('latin1').startsWith(text, at);
