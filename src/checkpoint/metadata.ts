import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { addon } from '../native/addon.js';
import { IMPORT_KEY } from './import.js';

/**
 * What a checkpoint carries beside tensors, so that it can be used with nothing else at hand: the whole configuration, the tokenizer,
 * and how pictures were stored. JSON text under the key `gadolinium` of the file's metadata.
 */
export interface CheckpointMetadata {
  gadolinium: string;
  config: ResolvedConfig;
  data: { name: string; fingerprint: string };
  /** tokenizer.json as text and its summary (src/data/manifest.ts), where the data set has one. */
  tokenizer: { json: string; name: string } | null;
  /** Stored size and form of pictures, where the data set has any. */
  images: { size: number; fit: 'shorter' | 'longest'; store: 'raw' | 'jpeg'; quality: number | null } | null;
}

export interface CheckpointPosition {
  step: number;
  skipped: number;
  rejected: number;
}

/** Reads a checkpoint's metadata. Throws `bad-checkpoint` when it is damaged (with `verify`, its data too) or not ours. */
export function readMetadata(
  file: string,
  verify = false,
): { metadata: CheckpointMetadata; position: CheckpointPosition | null } {
  const header = addon().readCheckpoint(file, verify);
  const text = header.metadata?.['gadolinium'];
  if (!text) {
    throw GadoliniumError.expected(
      'bad-checkpoint',
      'a checkpoint written by gadolinium',
      file,
      header.metadata?.[IMPORT_KEY] ? 'imported weights without a recipe' : 'another safetensors file',
      header.metadata?.[IMPORT_KEY]
        ? 'start a recipe from them: --set encoders.image.init=FILE'
        : 'official weights come in by `gadolinium import`',
    );
  }
  const position = header.metadata?.['position'];
  return {
    metadata: JSON.parse(text) as CheckpointMetadata,
    position: position ? (JSON.parse(position) as CheckpointPosition) : null,
  };
}
