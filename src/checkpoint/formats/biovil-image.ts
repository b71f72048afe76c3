import { projection } from '../architectures/projection.js';
import { resnet } from '../architectures/resnet.js';
import { below, type Format } from '../format.js';

/** The image model of BioViL (Boecking et al. 2022): torchvision's ResNet-50 and a projection of every patch by 1×1 convolutions. */
export const format: Format = {
  title: 'The image model of BioViL: biovil_image_resnet50_proj_size_128.pt',
  example: 'import biovil-image --from biovil_image_resnet50_proj_size_128.pt --to biovil-image.safetensors',
  pieces: [
    { into: 'encoders.image', rename: below('encoder.encoder.'), architecture: resnet },
    {
      into: 'heads.projector',
      rename: below('projector.model.'),
      architecture: (shapes) =>
        projection(shapes, {
          from: 'image.patches',
          to: 'image.projected',
          activation: 'relu',
          norm: 'batch',
          hiddenBias: false,
        }),
      flatten: true,
    },
  ],
  leftOut: [{ match: /^classifier\./, why: "a task's classifier" }],
};
