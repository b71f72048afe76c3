import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { addon } from '../native/addon.js';
import { IMPORT_KEY } from './import.js';

/** What a model is, without how it is trained. A run's checkpoint holds all else of its configuration too. */
export type ModelConfig = Pick<ResolvedConfig, 'data' | 'encoders' | 'heads'> & Partial<ResolvedConfig>;

/**
 * What a checkpoint carries beside tensors, so that it can be used with nothing else at hand: the configuration, the tokenizer, and how
 * texts and pictures become what the model reads. JSON text under the key `gadolinium` of the file's metadata.
 */
export interface CheckpointMetadata {
  gadolinium: string;
  config: ModelConfig;
  /** null: weights of somebody else, imported. */
  data: { name: string; fingerprint: string } | null;
  /** tokenizer.json as text and what it was made from, where the model reads texts; and the SHA-256 of that text. */
  tokenizer: { json: string; name: string; sha256: string } | null;
  /** How pictures were stored by `prepare`, where the data set has any: size and form. */
  images: { size: number; fit: 'shorter' | 'longest'; store: 'raw' | 'jpeg'; quality: number | null } | null;
  /** Imported weights: how the official inference reads a picture file and a text. */
  reading?: { pictures?: PictureReading | undefined; texts?: TextReading | undefined } | undefined;
  /** The features that it gives: `image.global`, `image.patches`, `text.tokens` … */
  grains: string[];
}

/** From a picture file to the pixels that the image input crops: what Pillow and torchvision do, to the last bit. */
export interface PictureReading {
  /** min-max: darkest to 0 and brightest to 255 in each picture, also where it has 8 bits; kept: as they are in the file. */
  levels: 'kept' | 'min-max';
  colour: 'grey' | 'rgb';
  /** shorter: the shorter side becomes `side`; both: both, whatever the picture's shape. */
  fit: 'shorter' | 'both';
  side: number;
  filter: 'bilinear' | 'bicubic';
}

export interface TextReading {
  /** Characters that are taken away at a text's end. */
  strip: string;
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
      header.metadata?.[IMPORT_KEY]
        ? 'imported weights of a format that does not say how they are used'
        : 'another safetensors file',
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
