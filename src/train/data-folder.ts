/** What a run takes from its data folder beside rows: the tokenizer's numbers, the pictures' size, what checkpoints carry of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { grainsOf } from '../checkpoint/grains.js';
import type { CheckpointMetadata } from '../checkpoint/metadata.js';
import type { TokenizerFacts } from '../config/resolve.js';
import type { ResolvedConfig } from '../config/schema.js';
import type { Manifest } from '../data/manifest.js';
import { GadoliniumError } from '../errors.js';
import { VERSION } from '../package.js';

export function tokenizerFacts(manifest: Manifest): TokenizerFacts | undefined {
  const { tokenizer } = manifest;
  if (!tokenizer) return undefined;
  const { start, end, pad, mask, unknown } = tokenizer.special;
  return {
    vocabularySize: tokenizer.vocabulary,
    startId: start,
    endId: end,
    padId: pad,
    maskId: mask,
    unknownId: unknown,
  };
}

/** Pictures must have been stored at least at training size: enlarging them in training would only hide the mistake. */
export function requirePictureSize(config: ResolvedConfig, manifest: Manifest, folder: string): void {
  for (const [modality, { input, options }] of Object.entries(config.data)) {
    const size = Number(options['size'] ?? 0);
    if (input !== 'image' || !manifest.images || size <= manifest.images.size) continue;
    throw GadoliniumError.expected(
      'image-size',
      `pictures of at least ${size} pixels`,
      `data.${modality}.size`,
      `${manifest.images.size} in ${folder}`,
      `prepare the data set with --size ${size} or more, or train with --set data.${modality}.options.size=${manifest.images.size}`,
    );
  }
}

/** The JSON text that every checkpoint of the run carries. */
export function metadataOf(config: ResolvedConfig, manifest: Manifest, folder: string): string {
  const file = manifest.tokenizer ? join(folder, manifest.tokenizer.file) : '';
  const metadata: CheckpointMetadata = {
    gadolinium: VERSION,
    config,
    data: { name: manifest.name, fingerprint: manifest.fingerprint },
    tokenizer:
      manifest.tokenizer && existsSync(file)
        ? { json: readFileSync(file, 'utf8'), name: manifest.tokenizer.name, sha256: manifest.tokenizer.sha256 }
        : null,
    images: manifest.images && {
      size: manifest.images.size,
      fit: manifest.images.fit,
      store: manifest.images.store,
      quality: manifest.images.quality,
    },
    grains: grainsOf(config),
  };
  return JSON.stringify(metadata);
}
