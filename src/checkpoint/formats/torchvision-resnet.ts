import { resnet } from '../architectures/resnet.js';
import type { Format } from '../format.js';

/** Names of torchvision/models/resnet.py, which are ours. The classifier `fc` comes along and is used where a part has one. */
export const format: Format = {
  title: "torchvision's ResNet, and whatever keeps one under the same names (--prefix)",
  example: 'import torchvision-resnet --from resnet50-11ad3fa6.pth --to resnet50.safetensors',
  pieces: [{ into: 'encoders.image', rename: (name) => name, architecture: resnet }],
  leftOut: [],
};
