import {
  type Architecture,
  batchNormTensors,
  linearTensors,
  normTensors,
  type Shapes,
  shapeOf,
} from './architecture.js';

/** The options of our mlp-projection that a projection of this kind has; numbers of its layers follow from them. */
export interface ProjectionKind {
  /** The feature that it projects, and what the result is called. */
  from: string;
  to: string;
  norm: 'none' | 'batch' | 'layer';
  activation: 'relu' | 'gelu';
  normAfterActivation?: boolean;
  normEps?: number;
  hiddenBias?: boolean;
  bias?: boolean;
}

/** Two linear layers with what stands between them. */
export function projection(shapes: Shapes, kind: ProjectionKind): Architecture {
  const { norm, normAfterActivation = false, hiddenBias = true, bias = true } = kind;
  const place = norm === 'none' ? undefined : normAfterActivation ? '2' : '1';
  const last = norm === 'none' ? '2' : '3';
  const [hiddenWidth, inputWidth] = shapeOf(shapes, '0.weight', 2, 'a projection') as [number, number];
  const [outputWidth] = shapeOf(shapes, `${last}.weight`, 2, 'a projection') as [number];
  const tensors = new Map<string, readonly number[]>();
  linearTensors(tensors, '0', hiddenWidth, inputWidth, hiddenBias);
  if (place) (norm === 'batch' ? batchNormTensors : normTensors)(tensors, place, hiddenWidth);
  linearTensors(tensors, last, outputWidth, hiddenWidth, bias);
  return {
    kind: 'mlp-projection',
    options: { ...kind, inputWidth, hiddenWidth, outputWidth },
    tensors,
    optional: [],
    assumed: [],
  };
}

/** One matrix. */
export function linearProjection(shapes: Shapes, kind: { from: string; to: string; bias: boolean }): Architecture {
  const [outputWidth, inputWidth] = shapeOf(shapes, 'weight', 2, 'a projection') as [number, number];
  const tensors = new Map<string, readonly number[]>([['weight', [outputWidth, inputWidth]]]);
  if (kind.bias) tensors.set('bias', [outputWidth]);
  return {
    kind: 'linear-projection',
    options: { ...kind, inputWidth, outputWidth },
    tensors,
    optional: [],
    assumed: [],
  };
}
