import { type Architecture, countOf, linearTensors, normTensors, type Shapes, shapeOf } from './architecture.js';

/** MedKLIP's decoder of entity queries (Wu et al. 2023): a projection of the entities' vectors, and DETR's layers. */
export function entityDecoder(shapes: Shapes): Architecture {
  const what = 'a decoder of entity queries';
  const [width, bookWidth] = shapeOf(shapes, 'disease_embedding_layer.weight', 2, what) as [number, number];
  const [feedForward] = shapeOf(shapes, 'decoder.layers.0.linear1.weight', 2, what) as [number];
  const depth = countOf(shapes, 'decoder.layers.');
  const tensors = new Map<string, readonly number[]>();
  linearTensors(tensors, 'disease_embedding_layer', width, bookWidth);
  for (let i = 0; i < depth; i++) {
    const at = `decoder.layers.${i}`;
    for (const attention of ['self_attn', 'multihead_attn']) {
      tensors.set(`${at}.${attention}.in_proj_weight`, [3 * width, width]);
      tensors.set(`${at}.${attention}.in_proj_bias`, [3 * width]);
      linearTensors(tensors, `${at}.${attention}.out_proj`, width, width);
    }
    linearTensors(tensors, `${at}.linear1`, feedForward, width);
    linearTensors(tensors, `${at}.linear2`, width, feedForward);
    for (const norm of ['norm1', 'norm2', 'norm3']) normTensors(tensors, `${at}.${norm}`, width);
  }
  normTensors(tensors, 'decoder.norm', width);
  return {
    kind: 'entity-decoder',
    options: { from: 'image.projected', to: 'image.entities', bookWidth, width, depth, feedForward },
    tensors,
    optional: [],
    assumed: ['entities: as many as the book has texts', 'heads: 4'],
  };
}
