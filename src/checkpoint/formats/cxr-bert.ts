import { projection } from '../architectures/projection.js';
import { below, type Format } from '../format.js';
import { format as huggingfaceBert } from './huggingface-bert.js';

const projectionHead = below('cls_projection_head.');
/** Linear, GELU, norm, linear: the places of our mlp-projection. */
const places = { dense_to_hidden: '0', LayerNorm: '2', dense_to_output: '3' };

/** CXR-BERT (Boecking et al. 2022): a BertForMaskedLM with a projection of [CLS] to 128 dimensions, which the general model lacks. */
export const format: Format = {
  title:
    'CXR-BERT general and specialized, and the text model of BioViL-T: folders of pytorch_model.bin or model.safetensors',
  example: 'import cxr-bert --from BiomedVLP-CXR-BERT-specialized/ --to cxr-bert.safetensors',
  pieces: [
    ...huggingfaceBert.pieces,
    {
      into: 'heads.cls_projection_head',
      rename(name) {
        const [layer = '', leaf] = projectionHead(name)?.split('.') ?? [];
        const place = places[layer as keyof typeof places];
        return place && leaf ? `${place}.${leaf}` : undefined;
      },
      architecture: (shapes) =>
        projection(shapes, {
          from: 'text.global',
          to: 'text.projected',
          activation: 'gelu',
          norm: 'layer',
          normAfterActivation: true,
          normEps: 1e-12,
        }),
      optional: true,
    },
  ],
  leftOut: huggingfaceBert.leftOut,
};
