/** The library's face. Everything else is inside. */
export { type EvaluationInput, linearProbe, retrieval, zeroShot } from './config/evaluate.js';
export { extend, type Recipe, recipe, shared } from './config/recipe.js';
export { resolve } from './config/resolve.js';
export type { ResolvedConfig } from './config/schema.js';
export { type PrepareOptions, prepare } from './data/prepare.js';
export { openShards } from './data/shards/shards.js';
export { GadoliniumError } from './errors.js';
export type * from './events/types.js';
export { openModel } from './model/open.js';
export * from './native/generated.js';
export * as kernels from './native/kernels.js';
export type { CacheOptions } from './storage/cache.js';
export { type TrainOptions, type TrainRun, train } from './train/train.js';
