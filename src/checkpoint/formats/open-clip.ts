import { bert } from '../architectures/bert.js';
import { modifiedResnet } from '../architectures/modified-resnet.js';
import { linearProjection, projection } from '../architectures/projection.js';
import { clipText, openClipVit, timmVit } from '../architectures/transformer.js';
import { below, type Format } from '../format.js';
import { bertName } from './huggingface-bert.js';

const textTower = /^(token_embedding|positional_embedding|transformer|ln_final|text_projection)(\.|$)/;
const trunk = below('visual.trunk.');
const visual = below('visual.');
const languageModel = below('text.transformer.');

/** open_clip: its own towers, or timm's and Hugging Face's under `visual.trunk` and `text.transformer` (BiomedCLIP). */
export const format: Format = {
  title: 'open_clip: ViT, ModifiedResNet or timm image towers, CLIP or BERT text towers (BiomedCLIP)',
  example: 'import open-clip --from open_clip_pytorch_model.bin --to clip.safetensors',
  sources: {
    from: {
      pieces: [
        {
          into: 'encoders.image',
          rename: (name) => trunk(name) ?? (/^visual\.head\./.test(name) ? undefined : visual(name)),
          architecture: (shapes) =>
            shapes.has('patch_embed.proj.weight')
              ? timmVit(shapes)
              : shapes.has('attnpool.positional_embedding')
                ? modifiedResnet(shapes)
                : openClipVit(shapes),
        },
        {
          into: 'heads.image-projection',
          rename: below('visual.head.proj.'),
          architecture: (shapes) =>
            linearProjection(shapes, { from: 'image.global', to: 'image.projected', bias: shapes.has('bias') }),
          optional: true,
        },
        {
          into: 'encoders.text',
          rename(name) {
            const model = languageModel(name);
            if (model && !model.startsWith('resblocks.')) return bertName(model);
            const plain = below('text.')(name) ?? name;
            return textTower.test(plain) ? plain : undefined;
          },
          architecture: (shapes, config) =>
            shapes.has('embeddings.word_embeddings.weight') ? bert(shapes, config) : clipText(shapes),
        },
        {
          into: 'heads.text-projection',
          rename: below('text.proj.'),
          architecture: (shapes) =>
            shapes.has('0.weight')
              ? projection(shapes, {
                  from: 'text.global',
                  to: 'text.projected',
                  activation: 'gelu',
                  norm: 'none',
                  hiddenBias: false,
                  bias: false,
                })
              : linearProjection(shapes, { from: 'text.global', to: 'text.projected', bias: shapes.has('bias') }),
          optional: true,
        },
      ],
      leftOut: [
        { match: /^logit_(scale|bias)$/, why: 'the temperature, which a recipe sets' },
        { match: /attn_mask$|embeddings\.(position_ids|token_type_ids)$/, why: 'a constant' },
      ],
    },
  },
};
