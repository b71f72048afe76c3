import type { Options } from '../../config/parts.js';
import { GadoliniumError } from '../../errors.js';

/** Shapes of tensors by name. */
export type Shapes = ReadonlyMap<string, readonly number[]>;

/** What a set of tensors is weights of: a part of ours, read off their shapes. */
export interface Architecture {
  /** The registered part and its options, as a recipe writes them. */
  kind: string;
  options: Options;
  /** Every tensor that the part has, with its shape. */
  tensors: Map<string, readonly number[]>;
  /** Tensors below these names may be there too: a classifier that the part does not have. */
  optional: string[];
  /** Options that no shape tells, and what they were taken from. */
  assumed: string[];
}

/** The shape of a tensor without which nothing can be said. Throws `import-mismatch` naming it. */
export function shapeOf(shapes: Shapes, name: string, dimensions: number, what: string): readonly number[] {
  const shape = shapes.get(name);
  if (shape?.length !== dimensions) {
    throw GadoliniumError.expected(
      'import-mismatch',
      `a tensor of ${dimensions} dimensions`,
      `${name} of ${what}`,
      shape && `[${shape}]`,
      'is it the right format?',
    );
  }
  return shape;
}

/** How many of `prefix.0.`, `prefix.1.` … there are. */
export function countOf(shapes: Shapes, prefix: string): number {
  const numbers = new Set<string>();
  for (const name of shapes.keys())
    if (name.startsWith(prefix)) numbers.add(name.slice(prefix.length).split('.')[0] ?? '');
  let count = 0;
  while (numbers.has(String(count))) count++;
  return count;
}

/** Adds `name.weight` [out, in] and `name.bias` [out]. */
export function linearTensors(
  to: Map<string, readonly number[]>,
  name: string,
  out: number,
  into: number,
  bias = true,
): void {
  to.set(`${name}.weight`, [out, into]);
  if (bias) to.set(`${name}.bias`, [out]);
}

/** Adds `name.weight` and `name.bias` [width]. */
export function normTensors(to: Map<string, readonly number[]>, name: string, width: number): void {
  to.set(`${name}.weight`, [width]);
  to.set(`${name}.bias`, [width]);
}

/** A norm with running statistics. */
export function batchNormTensors(to: Map<string, readonly number[]>, name: string, width: number): void {
  normTensors(to, name, width);
  to.set(`${name}.running_mean`, [width]);
  to.set(`${name}.running_var`, [width]);
  to.set(`${name}.num_batches_tracked`, []);
}
