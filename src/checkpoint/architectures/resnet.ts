import { GadoliniumError } from '../../errors.js';
import { type Architecture, batchNormTensors, countOf, type Shapes, shapeOf } from './architecture.js';

/** Blocks of the stages by depth; those of 50 and more are bottlenecks. */
const DEPTHS: Record<string, number> = {
  'basic 1,1,1,1': 10,
  'basic 2,2,2,2': 18,
  'basic 3,4,6,3': 34,
  'bottleneck 3,4,6,3': 50,
  'bottleneck 3,4,23,3': 101,
  'bottleneck 3,8,36,3': 152,
};

/** torchvision's ResNet (He et al. 2016). */
export function resnet(shapes: Shapes): Architecture {
  const [width, channels] = shapeOf(shapes, 'conv1.weight', 4, 'a ResNet') as [number, number];
  const bottleneck = shapes.has('layer1.0.conv3.weight');
  const blocks = [1, 2, 3, 4].map((stage) => countOf(shapes, `layer${stage}.`)).filter((count) => count > 0);
  const kind = bottleneck ? 'bottleneck' : 'basic';
  const depth = Object.entries(DEPTHS).find(([known]) => known.startsWith(`${kind} ${blocks.join(',')}`))?.[1];
  if (depth === undefined || blocks.length === 0) {
    const known = Object.keys(DEPTHS).join('; ');
    throw GadoliniumError.expected('import-mismatch', `a ResNet (${known})`, 'the stages', `${kind} ${blocks}`);
  }

  const tensors = new Map<string, readonly number[]>([['conv1.weight', [width, channels, 7, 7]]]);
  batchNormTensors(tensors, 'bn1', width);
  let into = width;
  for (const [stage, count] of blocks.entries()) {
    const planes = width << stage;
    const out = bottleneck ? 4 * planes : planes;
    for (let block = 0; block < count; block++) {
      const at = `layer${stage + 1}.${block}`;
      const kernels: [number, number, number][] = bottleneck
        ? [
            [planes, into, 1],
            [planes, planes, 3],
            [out, planes, 1],
          ]
        : [
            [planes, into, 3],
            [planes, planes, 3],
          ];
      for (const [i, [to, from, side]] of kernels.entries()) {
        tensors.set(`${at}.conv${i + 1}.weight`, [to, from, side, side]);
        batchNormTensors(tensors, `${at}.bn${i + 1}`, to);
      }
      if (block === 0 && (stage > 0 || into !== out)) {
        tensors.set(`${at}.downsample.0.weight`, [out, into, 1, 1]);
        batchNormTensors(tensors, `${at}.downsample.1`, out);
      }
      into = out;
    }
  }
  return {
    kind: 'resnet',
    options: {
      depth,
      ...(blocks.length === 4 ? {} : { stages: blocks.length }),
      ...(channels === 3 ? {} : { inputChannels: channels }),
      ...(width === 64 ? {} : { width }),
    },
    tensors,
    optional: ['fc.'],
    assumed: [],
  };
}
