import { image } from '../../native/generated.js';
import { resnet } from '../architectures/resnet.js';
import type { Format } from '../format.js';

/** SHA-256 of files of IMAGENET1K_V2, which torchvision puts into their names: their pictures are resized to 232 and not 256. */
const second = /^(11ad3fa6|cd907fc2|f82ba261)/;

/** Names of torchvision/models/resnet.py, which are ours. The classifier `fc` comes along and is used where a part has one. */
export const format: Format = {
  title: "torchvision's ResNet, and whatever keeps one under the same names (--prefix)",
  example: 'import torchvision-resnet --from resnet50-11ad3fa6.pth --to resnet50.safetensors',
  sources: {
    from: {
      pieces: [{ into: 'encoders.image', rename: (name) => name, named: (ours) => ours, architecture: resnet }],
      leftOut: [],
    },
  },
  inference: {
    data: {
      image: image({
        size: 224,
        crop: 'centre',
        colour: true,
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
      }),
    },
    pictures: ({ sha256 }) => ({
      levels: 'kept',
      colour: 'rgb',
      fit: 'shorter',
      side: Object.values(sha256).some((hash) => second.test(hash)) ? 232 : 256,
      filter: 'bilinear',
    }),
  },
};
