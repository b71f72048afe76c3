import type { Embedder } from './embedder.js';

/**
 * A trained model opened for evaluation: src/native/model.ts gives one by
 *   openModel(file, { device?, threads?, data? }): Promise<Model>
 * where `data` is the data folder whose tokenizer and shards it will be asked about.
 */
export interface Model extends Embedder {
  /** The resolved config that the checkpoint was trained with; its `evaluate` holds the recipe's entries. */
  config: unknown;
  /** Names of the features that are one vector a sample (`image.global`, `text.global`, heads' outputs): what `embed` writes. */
  features?: readonly string[];
  /** exp of the learned logit scale, where an objective has one: the scale of zero-shot probabilities. */
  logitScale?: number;
  close(): Promise<void>;
}

export type OpenModel = (file: string, options: { device?: string; threads?: number; data?: string }) => Promise<Model>;
