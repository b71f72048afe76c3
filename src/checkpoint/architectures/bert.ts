import { GadoliniumError } from '../../errors.js';
import { type Architecture, countOf, linearTensors, normTensors, type Shapes, shapeOf } from './architecture.js';

/** Hugging Face's BERT (Devlin et al. 2019). What no shape tells is read from its config.json, where there is one. */
export function bert(shapes: Shapes, config: Readonly<Record<string, unknown>> | undefined): Architecture {
  const what = 'a BERT';
  const [vocabularySize, width] = shapeOf(shapes, 'embeddings.word_embeddings.weight', 2, what) as [number, number];
  const [maxTokens] = shapeOf(shapes, 'embeddings.position_embeddings.weight', 2, what) as [number];
  const [typeVocabulary] = shapeOf(shapes, 'embeddings.token_type_embeddings.weight', 2, what) as [number];
  const [feedForward] = shapeOf(shapes, 'encoder.layer.0.intermediate.dense.weight', 2, what) as [number];
  const depth = countOf(shapes, 'encoder.layer.');
  const activation = config?.['hidden_act'] ?? 'gelu';
  if (activation !== 'gelu')
    throw GadoliniumError.expected('import-mismatch', 'the activation gelu', 'hidden_act of config.json', activation);

  const tensors = new Map<string, readonly number[]>([
    ['embeddings.word_embeddings.weight', [vocabularySize, width]],
    ['embeddings.position_embeddings.weight', [maxTokens, width]],
    ['embeddings.token_type_embeddings.weight', [typeVocabulary, width]],
  ]);
  normTensors(tensors, 'embeddings.LayerNorm', width);
  for (let i = 0; i < depth; i++) {
    const at = `encoder.layer.${i}`;
    for (const name of ['query', 'key', 'value']) linearTensors(tensors, `${at}.attention.self.${name}`, width, width);
    linearTensors(tensors, `${at}.attention.output.dense`, width, width);
    normTensors(tensors, `${at}.attention.output.LayerNorm`, width);
    linearTensors(tensors, `${at}.intermediate.dense`, feedForward, width);
    linearTensors(tensors, `${at}.output.dense`, width, feedForward);
    normTensors(tensors, `${at}.output.LayerNorm`, width);
  }

  const assumed: string[] = [];
  const from = (key: string, otherwise: number, option: string) => {
    const value = config?.[key];
    if (typeof value === 'number') return value;
    assumed.push(`${option}: BERT's ${otherwise}`);
    return otherwise;
  };
  return {
    kind: 'bert',
    options: {
      vocabularySize,
      width,
      depth,
      heads: from('num_attention_heads', Math.max(1, width / 64), 'heads'),
      feedForward,
      maxTokens,
      typeVocabulary,
      padId: from('pad_token_id', 0, 'padId'),
      dropout: from('hidden_dropout_prob', 0.1, 'dropout'),
      attentionDropout: from('attention_probs_dropout_prob', 0.1, 'attentionDropout'),
      layerNormEps: from('layer_norm_eps', 1e-12, 'layerNormEps'),
    },
    tensors,
    optional: ['pooler.'],
    assumed,
  };
}

/** The masked-language head of BertForMaskedLM, below `cls.predictions`; its output layer is tied to the words. */
export function maskedLanguage(shapes: Shapes): Architecture {
  const [width] = shapeOf(shapes, 'cls.predictions.transform.dense.weight', 2, 'a masked-language head') as [number];
  const [vocabularySize] = shapeOf(shapes, 'cls.predictions.bias', 1, 'a masked-language head') as [number];
  const tensors = new Map<string, readonly number[]>();
  linearTensors(tensors, 'cls.predictions.transform.dense', width, width);
  normTensors(tensors, 'cls.predictions.transform.LayerNorm', width);
  tensors.set('cls.predictions.bias', [vocabularySize]);
  return { kind: 'masked-language', options: { width, vocabularySize }, tensors, optional: [], assumed: [] };
}
