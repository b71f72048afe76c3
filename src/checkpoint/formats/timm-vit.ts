import { timmVit } from '../architectures/transformer.js';
import type { Format } from '../format.js';

/** Names of timm's vision transformer, which are ours. */
export const format: Format = {
  title: "timm's vision transformer, and MAE's encoder under the same names",
  example: 'import timm-vit --from vit_base_patch16_224.safetensors --to vit-base.safetensors',
  sources: {
    from: {
      pieces: [
        {
          into: 'encoders.image',
          rename: (name) => (/^(decoder|mask_token)/.test(name) ? undefined : name),
          named: (ours) => ours,
          architecture: timmVit,
        },
      ],
      leftOut: [{ match: /^(decoder(_|\.)|mask_token$)/, why: 'the decoder of masked pre-training' }],
    },
  },
};
