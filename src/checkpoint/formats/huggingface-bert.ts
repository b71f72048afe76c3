import { text } from '../../native/generated.js';
import { bert, maskedLanguage } from '../architectures/bert.js';
import type { Format } from '../format.js';

/** Names of transformers' BertModel, with `bert.` before them where a task's head is in the file too. */
export const format: Format = {
  title: "Hugging Face's BERT: ClinicalBERT, Bio_ClinicalBERT, PubMedBERT, BERT itself; with or without heads",
  example: 'import huggingface-bert --from Bio_ClinicalBERT/ --to clinical-bert.safetensors',
  sources: {
    from: {
      pieces: [
        { into: 'encoders.text', rename: bertName, named: (ours) => `bert.${ours}`, architecture: bert },
        {
          into: 'objectives.masked-language',
          rename: languageHeadName,
          named: (ours) => ours,
          architecture: maskedLanguage,
          optional: true,
        },
      ],
      leftOut: [
        { match: /(^|\.)embeddings\.(position_ids|token_type_ids)$/, why: 'a constant' },
        {
          match: /^cls\.predictions\.decoder\.(weight|bias)$/,
          why: 'tied to the word embeddings and to cls.predictions.bias',
        },
        { match: /^cls\.seq_relationship\./, why: 'the next-sentence classifier' },
        { match: /^(classifier|qa_outputs)\./, why: "a task's classifier" },
      ],
      tied: [
        {
          name: 'cls.predictions.decoder.weight',
          of: 'bert.embeddings.word_embeddings.weight',
          beside: 'cls.predictions.bias',
        },
        { name: 'cls.predictions.decoder.bias', of: 'cls.predictions.bias', beside: 'cls.predictions.bias' },
      ],
    },
  },
  inference: { data: { text: text({ maxTokens: 512 }) } },
};

/** The first checkpoints called a norm's weight and bias as TensorFlow does. */
const modern = (name: string) =>
  name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias');

/** Our name of a tensor of BertModel. */
export function bertName(name: string): string | undefined {
  const plain = modern(name.replace(/^bert\./, ''));
  return /^(embeddings\.(word|position|token_type)_embeddings|embeddings\.LayerNorm|encoder|pooler)\./.test(plain)
    ? plain
    : undefined;
}

/** The masked-language head without what is tied. */
export function languageHeadName(name: string): string | undefined {
  const plain = modern(name);
  return /^cls\.predictions\.(transform\.|bias$)/.test(plain) ? plain : undefined;
}
