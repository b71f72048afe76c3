import { image } from '../../native/generated.js';
import { temporalResnet } from '../architectures/temporal-resnet.js';
import { below, type Format, type FormatSource, type Inference } from '../format.js';
import { format as biovil } from './biovil.js';

const picture = biovil.sources.image as FormatSource;

/** BioViL-T (Bannur et al. 2023). The official helper gives one image alone, without an earlier one; crop 448. */
export const format: Format = {
  title: 'BioViL-T: biovil_t_image_model_proj_size_128.pt, and with --text the folder of BiomedVLP-BioViL-T',
  example:
    'import biovil-t --image biovil_t_image_model_proj_size_128.pt --text BiomedVLP-BioViL-T/ --to biovil-t.safetensors',
  sources: {
    ...biovil.sources,
    image: {
      ...picture,
      pieces: picture.pieces.map((piece) =>
        piece.into === 'encoders.image'
          ? {
              into: piece.into,
              rename: below('encoder.'),
              named: (ours) => `encoder.${ours}`,
              architecture: temporalResnet,
            }
          : piece,
      ),
    },
  },
  inference: {
    ...(biovil.inference as Inference),
    data: {
      ...biovil.inference?.data,
      image: image({ size: 448, resize: 512, crop: 'centre', mean: [0], deviation: [1] }),
    },
  },
};
