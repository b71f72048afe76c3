import { projection } from '../architectures/projection.js';
import { below, type Format, type FormatSource } from '../format.js';
import { format as huggingfaceBert } from './huggingface-bert.js';

const projectionHead = below('cls_projection_head.');
/** Linear, GELU, norm, linear: the places of our mlp-projection. */
const places = { dense_to_hidden: '0', LayerNorm: '2', dense_to_output: '3' };
const layers = new Map(Object.entries(places).map(([layer, place]) => [place, layer]));

const bert = huggingfaceBert.sources.from as FormatSource;

/**
 * CXR-BERT (Boecking et al. 2022): a BertForMaskedLM with a projection of [CLS] to 128 dimensions, which the general model lacks.
 * Inference as in hi-ml-multimodal 0.2.2, which takes full stops from the end of a prompt.
 */
export const format: Format = {
  title:
    'CXR-BERT general and specialized, and the text model of BioViL-T: folders of pytorch_model.bin or model.safetensors',
  example: 'import cxr-bert --from BiomedVLP-CXR-BERT-specialized/ --to cxr-bert.safetensors',
  sources: {
    from: {
      ...bert,
      pieces: [
        ...bert.pieces,
        {
          into: 'heads.cls_projection_head',
          rename(name) {
            const [layer = '', leaf] = projectionHead(name)?.split('.') ?? [];
            const place = places[layer as keyof typeof places];
            return place && leaf ? `${place}.${leaf}` : undefined;
          },
          named(ours) {
            const [place = '', leaf] = ours.split('.');
            return `cls_projection_head.${layers.get(place)}.${leaf}`;
          },
          architecture: (shapes) =>
            projection(shapes, {
              from: 'text.global',
              to: 'text.global',
              activation: 'gelu',
              norm: 'layer',
              normAfterActivation: true,
              normEps: 1e-12,
            }),
          optional: true,
        },
      ],
    },
  },
  inference: {
    ...(huggingfaceBert.inference as NonNullable<Format['inference']>),
    texts: { strip: '!?.' },
  },
};
