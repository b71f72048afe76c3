import { type Architecture, countOf, linearTensors, normTensors, type Shapes, shapeOf } from './architecture.js';
import { resnet } from './resnet.js';

/** BioViL-T's image encoder (Bannur et al. 2023): a ResNet, and a transformer that compares its map with that of an earlier image. */
export function temporalResnet(shapes: Shapes): Architecture {
  const what = 'an encoder of an image and an earlier one';
  const [width, from] = shapeOf(shapes, 'backbone_to_vit.weight', 4, what) as [number, number];
  const depth = countOf(shapes, 'vit_pooler.blocks.');
  const trunk = resnet(
    new Map([...shapes].flatMap(([name, shape]) => (name.startsWith('encoder.') ? [[name.slice(8), shape]] : []))),
  );
  const tensors = new Map([...trunk.tensors].map(([name, shape]) => [`encoder.${name}`, shape]));
  tensors.set('backbone_to_vit.weight', [width, from, 1, 1]);
  tensors.set('missing_previous_emb', [1, width, 1, 1]);
  tensors.set('vit_pooler.type_embed', [2, 1, width]);
  for (let i = 0; i < depth; i++) {
    const at = `vit_pooler.blocks.${i}`;
    for (const norm of ['norm1', 'norm2']) normTensors(tensors, `${at}.${norm}`, width);
    for (const name of ['proj_q', 'proj_k', 'proj_v'])
      linearTensors(tensors, `${at}.attn.${name}`, width, width, false);
    for (const name of ['attn.proj', 'mlp.fc1', 'mlp.fc2']) linearTensors(tensors, `${at}.${name}`, width, width);
  }
  normTensors(tensors, 'vit_pooler.norm_post', width);
  const { depth: backboneDepth, width: backboneWidth } = trunk.options as { depth: number; width?: number };
  return {
    kind: 'temporal-resnet',
    options: {
      backboneDepth,
      ...(backboneWidth === undefined ? {} : { backboneWidth }),
      width,
      depth,
      heads: Math.max(1, width / 32),
    },
    tensors,
    optional: ['encoder.fc.'],
    assumed: ['heads: one for 32 channels'],
  };
}
