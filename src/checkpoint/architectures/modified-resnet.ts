import { type Architecture, batchNormTensors, countOf, linearTensors, type Shapes, shapeOf } from './architecture.js';

/** CLIP's ResNet (Radford et al. 2021) under open_clip's names. */
export function modifiedResnet(shapes: Shapes): Architecture {
  const [, width] = shapeOf(shapes, 'layer1.0.conv1.weight', 4, 'a ModifiedResNet') as [number, number];
  const layers = [1, 2, 3, 4].map((stage) => countOf(shapes, `layer${stage}.`));
  const [tokens, last] = shapeOf(shapes, 'attnpool.positional_embedding', 2, 'a ModifiedResNet') as [number, number];
  const [outputWidth] = shapeOf(shapes, 'attnpool.c_proj.weight', 2, 'a ModifiedResNet') as [number];
  const side = Math.round(Math.sqrt(tokens - 1));

  const tensors = new Map<string, readonly number[]>();
  const convolution = (name: string, norm: string, out: number, into: number, kernel: number) => {
    tensors.set(`${name}.weight`, [out, into, kernel, kernel]);
    batchNormTensors(tensors, norm, out);
  };
  convolution('conv1', 'bn1', width / 2, 3, 3);
  convolution('conv2', 'bn2', width / 2, width / 2, 3);
  convolution('conv3', 'bn3', width, width / 2, 3);
  let into = width;
  for (const [stage, count] of layers.entries()) {
    const planes = width << stage;
    for (let block = 0; block < count; block++) {
      const at = `layer${stage + 1}.${block}`;
      convolution(`${at}.conv1`, `${at}.bn1`, planes, into, 1);
      convolution(`${at}.conv2`, `${at}.bn2`, planes, planes, 3);
      convolution(`${at}.conv3`, `${at}.bn3`, 4 * planes, planes, 1);
      if (block === 0) convolution(`${at}.downsample.0`, `${at}.downsample.1`, 4 * planes, into, 1);
      into = 4 * planes;
    }
  }
  tensors.set('attnpool.positional_embedding', [side * side + 1, into]);
  for (const name of ['k_proj', 'q_proj', 'v_proj']) linearTensors(tensors, `attnpool.${name}`, into, into);
  linearTensors(tensors, 'attnpool.c_proj', outputWidth, into);
  // open_clip's models all have heads of 64 channels here
  return {
    kind: 'modified-resnet',
    options: { layers, width, heads: last / 64, outputWidth, imageSize: 32 * side },
    tensors,
    optional: [],
    assumed: ['heads: one for 64 channels'],
  };
}
