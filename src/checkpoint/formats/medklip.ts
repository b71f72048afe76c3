import { entityDecoder } from '../architectures/entity-decoder.js';
import { linearProjection, projection } from '../architectures/projection.js';
import { resnet } from '../architectures/resnet.js';
import { below, type Format, type Piece } from '../format.js';

/** Children of torchvision's ResNet by their number in the sequence that MedKLIP cuts out of it. */
const children = ['conv1', 'bn1', 'relu', 'maxpool', 'layer1', 'layer2', 'layer3', 'layer4'];

/** A head on the entities' features, under the same name there and here. */
const entityHead = (name: string, to: string): Piece => ({
  into: `heads.${name}`,
  rename: below(`${name}.`),
  named: (ours) => `${name}.${ours}`,
  architecture: (shapes) => linearProjection(shapes, { from: 'image.entities', to, bias: true }),
  optional: true,
});

/** MedKLIP (Wu et al. 2023): a ResNet-50 up to layer3, a projection of every patch, and a decoder of entity queries with two heads. */
export const format: Format = {
  title: 'MedKLIP: checkpoint_final.pth',
  example: 'import medklip --from checkpoint_final.pth --to medklip.safetensors',
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
          named: (ours) => ours.replace(/^\w+/, (child) => `res_features.${children.indexOf(child)}`),
          architecture: resnet,
        },
        {
          into: 'heads.image-projection',
          rename: (name) =>
            /^res_l[12]\./.test(name) ? name.replace('res_l1.', '0.').replace('res_l2.', '2.') : undefined,
          named: (ours) => ours.replace(/^0\./, 'res_l1.').replace(/^2\./, 'res_l2.'),
          architecture: (shapes) =>
            projection(shapes, { from: 'image.patches', to: 'image.projected', activation: 'relu', norm: 'none' }),
        },
        {
          into: 'heads.entities',
          rename: (name) => (/^(decoder|disease_embedding_layer)\./.test(name) ? name : undefined),
          // The vectors of the book are no weights there.
          named: (ours) => (ours.startsWith('book.') ? undefined : ours),
          architecture: entityDecoder,
          optional: true,
        },
        entityHead('classifier', 'image.existence'),
        entityHead('cl_fc', 'image.positions'),
      ],
      leftOut: [],
      wrapping: { entry: 'model', prefix: 'module.' },
    },
  },
};
