import { description } from '../native/generated.js';
import type { ModelConfig } from './metadata.js';

/** Every feature that a model gives, in the order in which it is computed: grains of its encoders, then what heads write. */
export function grainsOf({ encoders, heads }: Pick<ModelConfig, 'encoders' | 'heads'>): string[] {
  const out = Object.entries(encoders).flatMap(([modality, part]) => {
    const own = 'share' in part ? encoders[part.share] : part;
    return own && 'encoder' in own
      ? (description.encoders[own.encoder]?.gives ?? []).map((grain) => `${modality}.${grain}`)
      : [];
  });
  for (const { head, options } of heads)
    for (const { kind, name } of description.heads[head]?.options ?? [])
      if (kind === 'output') out.push(String(options[name] || options['from']));
  return [...new Set(out)];
}
