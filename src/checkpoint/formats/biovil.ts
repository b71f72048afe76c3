import { image, meanPool } from '../../native/generated.js';
import { projection } from '../architectures/projection.js';
import { resnet } from '../architectures/resnet.js';
import { below, type Format } from '../format.js';
import { format as cxrBert } from './cxr-bert.js';

/**
 * BioViL (Boecking et al. 2022): torchvision's ResNet-50 and a projection of every patch by 1×1 convolutions, with CXR-BERT beside it.
 * The global feature is the mean of the projected patches; inference as in hi-ml-multimodal 0.2.2.
 */
export const format: Format = {
  title: 'BioViL: biovil_image_resnet50_proj_size_128.pt, and with --text the folder of CXR-BERT-specialized',
  example:
    'import biovil --image biovil_image_resnet50_proj_size_128.pt --text BiomedVLP-CXR-BERT-specialized/ --to biovil.safetensors',
  sources: {
    image: {
      pieces: [
        {
          into: 'encoders.image',
          rename: below('encoder.encoder.'),
          named: (ours) => `encoder.encoder.${ours}`,
          architecture: resnet,
        },
        {
          into: 'heads.projector',
          rename: below('projector.model.'),
          named: (ours) => `projector.model.${ours}`,
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
      unused: { 'encoder.encoder.fc.weight': [1000, 2048], 'encoder.encoder.fc.bias': [1000] },
    },
    ...(cxrBert.sources.from && { text: cxrBert.sources.from }),
  },
  inference: {
    data: {
      ...cxrBert.inference?.data,
      image: image({ size: 480, resize: 512, crop: 'centre', mean: [0], deviation: [1] }),
    },
    pools: [meanPool({ from: 'image.projected', to: 'image.global' })],
    pictures: { levels: 'min-max', colour: 'grey', fit: 'shorter', side: 512, filter: 'bilinear' },
    ...(cxrBert.inference?.texts && { texts: cxrBert.inference.texts }),
  },
};
