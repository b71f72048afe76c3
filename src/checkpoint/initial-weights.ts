import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileAndPrefix, startingParts } from '../config/initial-weights.js';
import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { addon } from '../native/addon.js';
import type { Engine } from '../native/engine.js';
import { IMPORT_KEY, type ImportReport } from './import.js';
import type { CheckpointMetadata } from './metadata.js';
import { tokenizerDifference } from './tokenizer-difference.js';

type Settled = { file: string; from: string; hash: string; source?: string | undefined };

/**
 * Replaces every `init` of a configuration by what it stands for: absolute path, prefix, and the hash of the file's tensors, so that the
 * run's config.json and its checkpoints say what it started from. On a resumed run the file may be gone: `before` is the configuration
 * that the run began with. `tokenizer` is the tokenizer.json that the data were prepared with: text encoders whose file carries
 * another one are refused. Throws `bad-init`, `other-tokenizer`.
 */
export function settleInitialWeights(
  config: ResolvedConfig,
  before?: ResolvedConfig,
  tokenizer?: { json: string; name: string },
): void {
  const old = new Map(before ? startingParts(before).map(({ into, part }) => [into, part.init]) : []);
  for (const { into, part } of startingParts(config)) {
    if (typeof part.init !== 'string') continue;
    const { file: given, from } = fileAndPrefix(part.init, into);
    const file = resolve(given);
    const then = old.get(into);
    if (!existsSync(file) && typeof then === 'object' && then.file === file) {
      part.init = then;
      continue;
    }
    part.init = settled(file, from, into);
    const [, modality = ''] = /^encoders\.(.*)$/.exec(into) ?? [];
    if (config.data[modality]?.input === 'text') requireTokenizer(file, into, tokenizer);
  }
}

/** Ids of another vocabulary would fit the word vectors, and mean other words. */
function requireTokenizer(file: string, into: string, data: { json: string; name: string } | undefined): void {
  const text = addon().readCheckpoint(file, false).metadata?.['gadolinium'];
  const own = text ? (JSON.parse(text) as CheckpointMetadata).tokenizer : null;
  const difference = own && data && tokenizerDifference(own.json, data.json);
  if (!difference) return;
  throw GadoliniumError.expected(
    'other-tokenizer',
    `data prepared with the tokenizer of the weights, ${own.name}`,
    `${into}.init`,
    `data with ${data.name}: ${difference}`,
    `prepare the data set with --tokenizer ${file}`,
  );
}

function settled(file: string, from: string, into: string): Settled {
  if (!existsSync(file)) {
    throw GadoliniumError.expected('bad-init', 'a file of weights', `${into}.init`, `${file}, which is absent`);
  }
  if (!file.endsWith('.safetensors')) {
    throw GadoliniumError.expected(
      'bad-init',
      'a safetensors file of ours',
      `${into}.init`,
      file,
      'bring other weights in with `gadolinium import`, which says which formats it knows',
    );
  }
  const { metadata, tensors } = addon().readCheckpoint(file, false);
  const report = importReport(metadata);
  if (!tensors.some(({ name }) => name.startsWith(`${from}.`))) {
    const known = new Set(tensors.map(({ name }) => /^[^.]+\.[^.]+/.exec(name)?.[0] ?? name));
    throw GadoliniumError.expected(
      'bad-init',
      `tensors below ${from}`,
      `${into}.init`,
      `${file}, which has ${[...known].slice(0, 8).join(', ')}`,
      "name one of those as FILE.safetensors#PREFIX; a file of somebody else's comes in with `gadolinium import`",
    );
  }
  return {
    file,
    from,
    hash: metadata?.['xxh64'] ?? addon().hashCheckpoint(file),
    ...(report ? { source: `${report.format}: ${report.source}` } : {}),
  };
}

function importReport(metadata: Record<string, string> | null): ImportReport | undefined {
  const text = metadata?.[IMPORT_KEY];
  return text ? (JSON.parse(text) as ImportReport) : undefined;
}

/** Fills the parts of a built engine from their settled files; every mismatch is an `init-mismatch` that names it. */
export async function fillInitialWeights(engine: Engine, config: ResolvedConfig): Promise<Settled[]> {
  const byFile = new Map<string, { into: string; from: string; hash: string }[]>();
  const done: Settled[] = [];
  for (const { into, part } of startingParts(config)) {
    const init = part.init as Settled;
    byFile.set(init.file, [...(byFile.get(init.file) ?? []), { into, from: init.from, hash: init.hash }]);
    done.push(init);
  }
  for (const [file, parts] of byFile) {
    const { metadata } = addon().readCheckpoint(file, false);
    const hash = metadata?.['xxh64'] ?? addon().hashCheckpoint(file);
    for (const part of parts)
      if (part.hash !== hash)
        throw GadoliniumError.expected(
          'bad-init',
          `the tensors with the hash ${part.hash}`,
          `${part.into}.init`,
          `${file} with ${hash}`,
        );
    const report = importReport(metadata);
    await engine.later('fill', {
      file,
      parts: parts.map(({ into, from }) => ({ into, from, optional: report?.parts[from]?.optional ?? [] })),
    });
  }
  return done;
}

/** Fills a model made of imported weights from their file. */
export async function fillWithImported(
  engine: Engine,
  file: string,
  { encoders, heads }: Pick<ResolvedConfig, 'encoders' | 'heads'>,
): Promise<void> {
  const report = importReport(addon().readCheckpoint(file, false).metadata);
  const own = [
    ...Object.keys(encoders).map((modality) => `encoders.${modality}`),
    ...heads.map(({ name }) => `heads.${name}`),
  ];
  const parts = own
    .filter((into) => report?.parts[into])
    .map((into) => ({ into, from: into, optional: report?.parts[into]?.optional ?? [] }));
  await engine.later('fill', { file, parts });
}
