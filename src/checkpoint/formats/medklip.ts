import { projection } from '../architectures/projection.js';
import { resnet } from '../architectures/resnet.js';
import type { Format } from '../format.js';

/** Children of torchvision's ResNet by their number in the sequence that MedKLIP cuts out of it. */
const children = ['conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4'];

/** MedKLIP (Wu et al. 2023): a ResNet-50 up to layer3 and a projection of every patch. */
export const format: Format = {
  title: 'The image encoder of MedKLIP: checkpoint_final.pth',
  example: 'import medklip --from checkpoint_final.pth --to medklip-image.safetensors',
  sources: {
    from: {
      pieces: [
        {
          into: 'encoders.image',
          rename(name) {
            const [, number, rest] = /^res_features\.(\d+)\.(.*)$/.exec(name) ?? [];
            const child = children[Number(number)];
            return child && `${child}.${rest}`;
          },
          architecture: resnet,
        },
        {
          into: 'heads.image-projection',
          rename: (name) =>
            /^res_l[12]\./.test(name) ? name.replace('res_l1.', '0.').replace('res_l2.', '2.') : undefined,
          architecture: (shapes) =>
            projection(shapes, { from: 'image.patches', to: 'image.projected', activation: 'relu', norm: 'none' }),
        },
      ],
      leftOut: [
        { match: /^(decoder|disease_embedding_layer|cl_fc|classifier)\./, why: 'the decoder of entity queries' },
      ],
    },
  },
};
