// Written by `npm run generate` from the registries of the addon. Do not edit.
import type {
  Description, EncoderPart, HeadPart, InputPart, ObjectivePart, OptimiserPart, Options, RelationPart, SchedulePart,
} from '../config/parts.js';

export interface ArrayOptions {
  /** column, with dots into structs: label_vec, patient.age_years; images: a stored signal. Must be given. */
  column: string;
  /** shape of one sample, e.g. 12, 5000 for leads and samples; the numbers come in C order. Must be given. */
  shape: readonly number[];
  /** type of the result; int64 takes integers only and gives them exactly. Default "float32". */
  dtype?: 'float32' | 'int64';
  /** a column of stored signals: number of this view. Default 0. */
  view?: number;
  /** random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer. Default "random". */
  choose?: 'random' | 'position';
  /** a row without a value is marked absent, or filled with `fill` and counted as present. A single number that is null refuses the row and NaN is handed on (for encoders that flag it), or both become `fill`. Default "absent". */
  missing?: 'absent' | 'fill';
  /** number for missing ones, before mean and deviation. Default 0. */
  fill?: number;
  /** subtracted, one for all or one per entry of the first axis. Default [0]. */
  mean?: readonly number[];
  /** divided by, one for all or one per entry of the first axis. Default [1]. */
  deviation?: readonly number[];
  /** which row stream of the plan is read; inputs on different streams see different rows. Default 0. */
  stream?: number;
}

/** Numbers of a row in a fixed shape: a number column, a list of numbers, or the raw values of a stored signal. Gives values, present. */
export function array(options: ArrayOptions): InputPart {
  return { input: 'array', options: { ...options } as Options };
}

export interface ImageOptions {
  /** column of stored images. Default "images". */
  column?: string;
  /** column of images of the study before, prior_images; they take the same crop and the same changes as the image. Empty: not read. Default "". */
  prior?: string;
  /** probability that an earlier image is left away in training. Default 0. */
  priorDrop?: number;
  /** number of this view: other views of a sample draw another image and other augmentations. Default 0. */
  view?: number;
  /** random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer. Default "random". */
  choose?: 'random' | 'position';
  /** only images whose `view` is one of these, e.g. PA and AP; empty: any. Default []. */
  projections?: readonly string[];
  /** side of the result, pixels. Default 224. */
  size?: number;
  /** shorter side before a random or centre crop, pixels; 0: the same as size. Default 0. */
  resize?: number;
  /** resize both sides to `resize` whatever the picture's shape, instead of the shorter one. Default false. */
  stretch?: boolean;
  /** keep colour; otherwise pictures become grey by Rec. 601. Default false. */
  colour?: boolean;
  /** channels that the encoder gets: 1, or 3 (grey is repeated on the device). Default 3. */
  channels?: number;
  /** subtracted, per channel or one for all, where full white is 1. Default [0.5]. */
  mean?: readonly number[];
  /** divided by, per channel or one for all, where full white is 1. Default [0.5]. */
  deviation?: readonly number[];
  /** crop in training; evaluation takes the centre. Default "random-resized". */
  crop?: 'random-resized' | 'random' | 'centre';
  /** random-resized: least and greatest area, fraction of the picture. Default [0.9,1]. */
  cropScale?: readonly number[];
  /** random-resized: least and greatest width over height. Default [0.75,1.3333333333333333]. */
  cropRatio?: readonly number[];
  /** probability of a left-right mirror. Default 0. */
  flip?: number;
  /** what a mirror means for words like left and right (the text input's sidePairs): ignore them; refuse to mirror rows whose texts hold one; swap them in the texts of mirrored rows. Default "ignore". */
  flipText?: 'ignore' | 'refuse' | 'swap';
  /** probability of an affine change: rotate, translate, zoom, shear together. Default 0. */
  affine?: number;
  /** affine: greatest turn to either side, degrees. Default 10. */
  rotate?: number;
  /** affine: greatest shift along each axis, fraction of the side. Default 0.05. */
  translate?: number;
  /** affine: least and greatest enlargement, factor. Default [0.95,1.05]. */
  zoom?: readonly number[];
  /** affine: greatest shear along each axis, degrees. Default 0. */
  shear?: number;
  /** grey level (0 to 255) of what affine brings in from outside and of cut-out holes. Default 0. */
  fill?: number;
  /** probability of contrast-limited adaptive histogram equalisation. Default 0. */
  equalise?: number;
  /** equalise: tiles along each side. Default 8. */
  equaliseTiles?: number;
  /** equalise: most that a histogram bin may hold, times the mean bin. Default 2. */
  equaliseLimit?: number;
  /** probability of a change of brightness. Default 0. */
  brightness?: number;
  /** brightness: the factor is drawn from 1 ± this. Default 0.2. */
  brightnessAmount?: number;
  /** probability of a change of contrast. Default 0. */
  contrast?: number;
  /** contrast: the factor on the distance from the mean level is drawn from 1 ± this. Default 0.2. */
  contrastAmount?: number;
  /** probability of a Gaussian blur. Default 0. */
  blur?: number;
  /** blur: least and greatest standard deviation, pixels of the result. Default [0.1,2]. */
  blurSigma?: readonly number[];
  /** probability of Gaussian noise, drawn anew for each pixel and channel. Default 0. */
  noise?: number;
  /** noise: least and greatest standard deviation, grey levels of 255. Default [1,8]. */
  noiseDeviation?: readonly number[];
  /** probability of cut-out holes (random erasing). Default 0. */
  cutOut?: number;
  /** cut-out: number of holes. Default 1. */
  cutOutHoles?: number;
  /** cut-out: least and greatest area of a hole, fraction of the picture. Default [0.02,0.2]. */
  cutOutArea?: readonly number[];
  /** which row stream of the plan is read; inputs on different streams see different rows. Default 0. */
  stream?: number;
}

/** One stored image of a row, cropped, resized (triangle filter with antialias), augmented and normalised. Gives pixels, present. */
export function image(options: ImageOptions = {}): InputPart {
  return { input: 'image', options: { ...options } as Options };
}

export interface TextOptions {
  /** column of texts. Default "texts". */
  column?: string;
  /** only texts of these kinds, e.g. findings and impression; empty: any. Default []. */
  kinds?: readonly string[];
  /** only texts in these languages, e.g. en; empty: any. Default []. */
  languages?: readonly string[];
  /** number of this view: other views of a sample draw another text. Default 0. */
  view?: number;
  /** random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer; join: all of them, one after another, in the order of `kinds`. Default "random". */
  choose?: 'random' | 'position' | 'join';
  /** sentences drawn without replacement in training, the first so many in evaluation; 0: all. Default 0. */
  sentences?: number;
  /** put the sentences of each text in random order in training; otherwise they keep their order. Texts that are joined stay one behind the other. Default false. */
  shuffle?: boolean;
  /** longest text, tokens with the special ones; the rest is cut off. Default 128. */
  maxTokens?: number;
  /** the batch's length is rounded up to a multiple of this, at most maxTokens. Default 8. */
  padTo?: number;
  /** token before the text; -1: none. Default -1. */
  startId?: number;
  /** token after the text; -1: none. Default -1. */
  endId?: number;
  /** token after the end of shorter texts. Default 0. */
  padId?: number;
  /** token that hides another; needed with maskProbability. Default -1. */
  maskId?: number;
  /** tokens known to the encoder: others are refused, random ones drawn below it; 0: unknown. Default 0. */
  vocabularySize?: number;
  /** token ids a, b, a, b … of words that exchange in a mirror, e.g. left and right; see the image's flipText. Default []. */
  sidePairs?: readonly number[];
  /** masked language modelling (Devlin et al. 2019): part of the tokens that become targets; of them 80 % are hidden, 10 % replaced by a random token, 10 % kept. Training only. Default 0. */
  maskProbability?: number;
  /** draw words instead of tokens for masking: all tokens of a word become targets together. Default false. */
  wholeWords?: boolean;
  /** ids of the tokens that go on with a word (##… of WordPiece), needed with wholeWords; a run takes them from its data's tokenizer. Default []. */
  continuations?: readonly number[];
  /** which row stream of the plan is read; inputs on different streams see different rows. Default 0. */
  stream?: number;
}

/** Token ids of a text of the row: sentences drawn, shuffled and joined, special tokens around them, optionally masked. Gives ids, mask, targets, present. */
export function text(options: TextOptions = {}): InputPart {
  return { input: 'text', options: { ...options } as Options };
}

export interface TripletsOptions {
  /** column of numbers [positions, entities]: 1 there, 0 said not to be, -1 not mentioned. Default "triplets". */
  column?: string;
  /** positions and entities. Must be given. */
  shape: readonly number[];
  /** wrong positions drawn beside the right one, without replacement. Default 7. */
  negatives?: number;
  /** numbers of positions a, b, a, b … that exchange in a mirrored image; needs the image's flipText 'swap'. Default []. */
  sidePairs?: readonly number[];
  /** which row stream of the plan is read; inputs on different streams see different rows. Default 0. */
  stream?: number;
}

/** What a report says of entities at anatomical positions, from a column of numbers [positions, entities]: labels, and drawn candidates for the position of each entity that is there (MedKLIP, Wu et al. 2023). Gives labels, positions, present. */
export function triplets(options: TripletsOptions): InputPart {
  return { input: 'triplets', options: { ...options } as Options };
}

export interface BertOptions {
  /** number of token ids. Default 30522. */
  vocabularySize?: number;
  /** width of a token, D. Default 768. */
  width?: number;
  /** layers. Default 12. */
  depth?: number;
  /** attention heads; must divide the width. Default 12. */
  heads?: number;
  /** hidden width of the feed-forward part. Default 3072. */
  feedForward?: number;
  /** number of learned positions. Default 512. */
  maxTokens?: number;
  /** number of token types; without a field "types" all tokens have type 0. Default 2. */
  typeVocabulary?: number;
  /** id of padding: its embedding starts at zero and is not learned. Default 0. */
  padId?: number;
  /** probability, on embeddings and on the output of both branches. Default 0.1. */
  dropout?: number;
  /** probability, on attention weights; 0 lets the fused kernel run in training. Default 0.1. */
  attentionDropout?: number;
  /** epsilon of the norms. Default 1e-12. */
  layerNormEps?: number;
  /** tokens are the mean of this many last layers. Default 1. */
  averageLast?: number;
  /** the first token, the first token of the last layer through the pooler (tanh), or the mean of the real tokens. Default "cls". */
  global?: 'cls' | 'pooler' | 'mean';
  /** hold the pooler's parameters also where global does not use them. Default false. */
  pooler?: boolean;
}

/** BERT (Devlin et al. 2019) of any size with Hugging Face's parameter names. Gives global [B, D], tokens [B, T, D] and mask [B, T]. Gives global, tokens, mask. */
export function bert(options: BertOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'bert', options: { ...options } as Options, ...more };
}

export interface ClipTextOptions {
  /** number of token ids. Default 49408. */
  vocabularySize?: number;
  /** number of learned positions. Default 77. */
  maxTokens?: number;
  /** width of a token, D. Default 512. */
  width?: number;
  /** blocks. Default 12. */
  depth?: number;
  /** attention heads; must divide the width. Default 8. */
  heads?: number;
  /** hidden width of the feed-forward part over the width. Default 4. */
  mlpRatio?: number;
  /** width of global; 0: no projection. Default 512. */
  outputWidth?: number;
  /** the token that becomes global: the one with the highest id (CLIP's vocabulary ends with the end token), the first with endId, or the last real one. Default "argmax". */
  pool?: 'argmax' | 'eos' | 'last';
  /** id of the end token, for pool eos. Default 49407. */
  endId?: number;
  /** id of padding. Default 0. */
  padId?: number;
  /** tokens see only earlier tokens; without, padding is masked. Default true. */
  causal?: boolean;
  /** quick-gelu is OpenAI's. Default "gelu". */
  activation?: 'gelu' | 'quick-gelu';
  /** probability, on embeddings, attention output and feed-forward part. Default 0. */
  dropout?: number;
  /** probability, on attention weights. Default 0. */
  attentionDropout?: number;
}

/** CLIP's text transformer (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from the end token, tokens [B, T, D] after the last norm, and mask [B, T]. Gives global, tokens, mask. */
export function clipText(options: ClipTextOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'clip-text', options: { ...options } as Options, ...more };
}

export interface ModifiedResnetOptions {
  /** blocks of the four stages; RN50 is 3, 4, 6, 3. Default [3,4,6,3]. */
  layers?: readonly number[];
  /** channels of the stem. Default 64. */
  width?: number;
  /** heads of the attention pooling; must divide 32 · width. Default 32. */
  heads?: number;
  /** width of global. Default 1024. */
  outputWidth?: number;
  /** side of the training images, pixels; other sizes resize the positions. Default 224. */
  imageSize?: number;
  /** BatchNorm keeps its running statistics and uses them in training too. Default false. */
  frozenStatistics?: boolean;
}

/** CLIP's ResNet (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from its attention pooling and patches [B, N, 32 · width], the last map row by row. Gives global, patches. */
export function modifiedResnet(options: ModifiedResnetOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'modified-resnet', options: { ...options } as Options, ...more };
}

export interface ResnetOptions {
  /** 10, 18, 34, 50, 101 or 152. Default 50. */
  depth?: number;
  /** stages of the four that are built; 3 stops after layer3. Default 4. */
  stages?: number;
  /** layer4 keeps its resolution and dilates: twice as many patches along each side. Default false. */
  dilateLast?: boolean;
  /** each block starts as the identity. Default false. */
  zeroInitResidual?: boolean;
  /** channels of the image: 3, or 1 for grey. Default 3. */
  inputChannels?: number;
  /** channels of the stem; the last map of depth 50 has 32 times as many. Default 64. */
  width?: number;
  /** BatchNorm keeps its running statistics and uses them in training too. Default false. */
  frozenStatistics?: boolean;
}

/** ResNet (He et al. 2016) with torchvision's parameter names. Gives global [B, D], the mean of the last map, and patches [B, N, D], the map row by row. Gives global, patches. */
export function resnet(options: ResnetOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'resnet', options: { ...options } as Options, ...more };
}

export interface SignalResnetOptions {
  /** channels of the signal. Default 12. */
  leads?: number;
  /** channels of the first stage. Default 32. */
  width?: number;
  /** stages of one residual block. Default 4. */
  stages?: number;
  /** samples under a filter; odd. Default 7. */
  kernel?: number;
}

/** Residual convolutions over time for signals of several leads (ECG); each stage halves the length and doubles the channels. Gives global, patches. */
export function signalResnet(options: SignalResnetOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'signal-resnet', options: { ...options } as Options, ...more };
}

export interface TableMlpOptions {
  /** numbers a row. Must be given. */
  columns: number;
  /** width of the layers, D. Default 256. */
  width?: number;
  /** hidden layers. Default 2. */
  layers?: number;
  /** probability, after each hidden layer. Default 0. */
  dropout?: number;
}

/** Perceptron over a row of numbers; missing ones (not finite) are flagged beside their value. Gives global. */
export function tableMlp(options: TableMlpOptions, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'table-mlp', options: { ...options } as Options, ...more };
}

export interface TemporalResnetOptions {
  /** of the ResNet: 10, 18, 34, 50, 101 or 152. Default 50. */
  backboneDepth?: number;
  /** channels of the ResNet's stem. Default 64. */
  backboneWidth?: number;
  /** channels of the image: 3, or 1 for grey. Default 3. */
  inputChannels?: number;
  /** of an image's features before they are compared; a multiple of 4. Default 256. */
  width?: number;
  /** transformer blocks that compare. Default 3. */
  depth?: number;
  /** attention heads; must divide width. Default 8. */
  heads?: number;
  /** probability, in the transformer. Default 0.1. */
  dropout?: number;
  /** probability, stochastic depth of the transformer. Default 0.25. */
  dropPath?: number;
}

/** ResNet of an image and, where there is one, of an earlier image, compared by a transformer (BioViL-T, Bannur et al. 2023). Gives patches [B, N, 2 x width], the image's own features beside what changed (a learned vector without an earlier image), and global, their mean. The image input must read earlier images (`prior`). Gives global, patches. */
export function temporalResnet(options: TemporalResnetOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'temporal-resnet', options: { ...options } as Options, ...more };
}

export interface VitOptions {
  /** side of the training images, pixels; other sizes resize the positions. Default 224. */
  imageSize?: number;
  /** side of a patch, pixels. Default 16. */
  patchSize?: number;
  /** channels of the image: 3, or 1 for grey. Default 3. */
  inputChannels?: number;
  /** width of a token, D. Default 768. */
  width?: number;
  /** blocks. Default 12. */
  depth?: number;
  /** attention heads; must divide the width. Default 12. */
  heads?: number;
  /** hidden width of the feed-forward part over the width. Default 4. */
  mlpRatio?: number;
  /** whose parameter names, and with them whose details: open-clip has a norm before the blocks and no bias on the patches. Default "timm". */
  keys?: 'timm' | 'open-clip';
  /** global is the class token, or the mean of the patches. Default "cls". */
  pool?: 'cls' | 'mean';
  /** a class token beside the patches; the mean does without. Default true. */
  classToken?: boolean;
  /** quick-gelu is OpenAI's. Default "gelu". */
  activation?: 'gelu' | 'quick-gelu';
  /** bias on queries, keys and values. Default true. */
  qkvBias?: boolean;
  /** start of the learned scale of each branch; 0: none. Default 0. */
  layerScale?: number;
  /** width of global after an output projection (open-clip: proj, timm: head); 0: none. Default 0. */
  outputWidth?: number;
  /** probability, on positions, attention output and feed-forward part. Default 0. */
  dropout?: number;
  /** probability, on attention weights. Default 0. */
  attentionDropout?: number;
  /** probability that the last block is skipped; rises in a line from 0 at the first. Default 0. */
  dropPath?: number;
  /** epsilon of the norms; 0: 1e-6 for timm, 1e-5 for open-clip. Default 0. */
  normEps?: number;
}

/** Vision transformer (Dosovitskiy et al. 2021) with the parameter names of timm or open_clip. Gives global [B, D], or [B, outputWidth], and patches [B, N, D], row by row, after the last norm. Gives global, patches. */
export function vit(options: VitOptions = {}, more: Omit<EncoderPart, 'encoder' | 'options'> = {}): EncoderPart {
  return { encoder: 'vit', options: { ...options } as Options, ...more };
}

export interface AttentionPoolOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** feature [B, N], true where a place counts, e.g. text.mask; empty: all count. Default "". */
  mask?: string;
  /** width of `from`. Must be given. */
  inputWidth: number;
  /** width of `to`. Must be given. */
  outputWidth: number;
  /** learned queries. Default 1. */
  queries?: number;
  /** attention heads; must divide outputWidth. Default 8. */
  heads?: number;
  /** probability, on attention weights. Default 0. */
  dropout?: number;
}

/** Learned queries attend to a sequence (Yu et al. 2022): [B, N, D] → [B, outputWidth], or [B, queries, outputWidth] with several queries. */
export function attentionPool(options: AttentionPoolOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'attention-pool', options: { ...options } as Options, ...more };
}

export interface EntityDecoderOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** feature written beside `to`: what each query looks at, [B, entities, N], mean over layers and heads; empty: none. Default "". */
  attention?: string;
  /** texts of the book, one query each. Must be given. */
  entities: number;
  /** width of the texts' vectors. Default 768. */
  bookWidth?: number;
  /** of `from`, `to` and the decoder. Default 256. */
  width?: number;
  /** decoder layers. Default 4. */
  depth?: number;
  /** attention heads; must divide width. Default 4. */
  heads?: number;
  /** width inside a layer's feed-forward part. Default 1024. */
  feedForward?: number;
  /** probability: attention, feed-forward, branches, and once on the result. Default 0.1. */
  dropout?: number;
  /** deviation that all weights start with. Default 0.02. */
  initDeviation?: number;
}

/** A transformer decoder (DETR's, pre-norm) with one query an entity of a book of texts looks at image regions: [B, N, D] → [B, entities, D] (MedKLIP, Wu et al. 2023). `book` of the recipe says where the texts' vectors come from. */
export function entityDecoder(options: EntityDecoderOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'entity-decoder', options: { ...options } as Options, ...more };
}

export interface FirstPoolOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
}

/** The first place, [B, N, D] → [B, D]: the [CLS] token of a text. */
export function firstPool(options: FirstPoolOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'first-pool', options: { ...options } as Options, ...more };
}

export interface LayerNormOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** width of `from`. Must be given. */
  inputWidth: number;
  /** added to the variance. Default 0.00001. */
  eps?: number;
}

/** Layer normalisation of the last dimension (Ba et al. 2016), with a learned scale and shift. */
export function layerNorm(options: LayerNormOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'layer-norm', options: { ...options } as Options, ...more };
}

export interface LinearProjectionOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** width of `from`. Must be given. */
  inputWidth: number;
  /** width of `to`. Must be given. */
  outputWidth: number;
  /** with a bias. Default true. */
  bias?: boolean;
  /** deviation of the normal that weights start with; 0: torch's default. Default 0. */
  initDeviation?: number;
}

/** One linear layer on the last dimension: [B, D] or [B, N, D]. */
export function linearProjection(options: LinearProjectionOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'linear-projection', options: { ...options } as Options, ...more };
}

export interface MaxPoolOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** feature [B, N], true where a place counts, e.g. text.mask; empty: all count. Default "". */
  mask?: string;
}

/** Largest value of each component over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does. */
export function maxPool(options: MaxPoolOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'max-pool', options: { ...options } as Options, ...more };
}

export interface MeanPoolOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** feature [B, N], true where a place counts, e.g. text.mask; empty: all count. Default "". */
  mask?: string;
}

/** Mean over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does. */
export function meanPool(options: MeanPoolOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'mean-pool', options: { ...options } as Options, ...more };
}

export interface MlpProjectionOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** width of `from`. Must be given. */
  inputWidth: number;
  /** width of the hidden layers. Must be given. */
  hiddenWidth: number;
  /** width of `to`. Must be given. */
  outputWidth: number;
  /** linear layers, the last one included. Default 2. */
  layers?: number;
  /** between the layers. Default "relu". */
  activation?: 'relu' | 'gelu' | 'quick-gelu' | 'tanh';
  /** between the layers; batch counts every place of [B, N, D]. Default "none". */
  norm?: 'none' | 'batch' | 'layer';
  /** activation, then norm. Default false. */
  normAfterActivation?: boolean;
  /** epsilon of the norm. Default 0.00001. */
  normEps?: number;
  /** bias of the hidden layers. Default true. */
  hiddenBias?: boolean;
  /** bias of the last layer. Default true. */
  bias?: boolean;
  /** probability, before every layer but the first. Default 0. */
  dropout?: number;
  /** deviation of the normal that weights start with; 0: torch's default. Default 0. */
  initDeviation?: number;
}

/** Linear layers with a norm and an activation between them, on the last dimension of [B, D] or [B, N, D]: the projection of SimCLR, ConVIRT, BioViL and many others. */
export function mlpProjection(options: MlpProjectionOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'mlp-projection', options: { ...options } as Options, ...more };
}

export interface NormaliseOptions {
  /** feature that is read, <modality>.<grain>. Must be given. */
  from: string;
  /** feature that is written; empty: takes the place of `from`. Default "". */
  to?: string;
  /** shortest length that is divided by; zero vectors stay zero. Default 1e-12. */
  eps?: number;
}

/** Scales the last dimension to unit length (L2). */
export function normalise(options: NormaliseOptions, more: Omit<HeadPart, 'head' | 'options'> = {}): HeadPart {
  return { head: 'normalise', options: { ...options } as Options, ...more };
}

/** Each sample belongs with its own partner alone (CLIP). */
export function identity(): RelationPart {
  return { relation: 'identity', options: {} };
}

export interface LabelMatchOptions {
  /** label vectors or ids [B, K] of the row modality. Default "labels.values". */
  rows?: string;
  /** label vectors or ids [B, K] of the column modality. Default "labels.values". */
  columns?: string;
  /** equal: the same labels are above 0; overlap: some label is above 0 in both; identical: all numbers are the same. Default "equal". */
  match?: 'equal' | 'overlap' | 'identical';
}

/** Every pair whose labels match is a positive: the same findings (UMCL, Wang and Wang 2023; UniCL, Yang et al. 2022), a finding in common, or the same numbers, such as a concept's or a patient's id (KAD's first stage, Zhang et al. 2023). */
export function labelMatch(options: LabelMatchOptions = {}): RelationPart {
  return { relation: 'label-match', options: { ...options } as Options };
}

export interface LabelOverlapOptions {
  /** label vectors [B, K] of the row modality. Default "labels.values". */
  rows?: string;
  /** label vectors [B, K] of the column modality; may come from another stream. Default "labels.values". */
  columns?: string;
  /** cosine as MedCLIP's paper, or the plain product of its code. Default "cosine". */
  similarity?: 'cosine' | 'dot';
  /** how similarities become targets. Default "softmax". */
  normalise?: 'softmax' | 'proportion';
  /** temperature of the soft-max. Default 1. */
  temperature?: number;
}

/** Similarity s of label vectors (of what is positive in both) as soft targets: soft-max of s/temperature (MedCLIP, Wang et al. 2022, eq. 3) or s over its sum. */
export function labelOverlap(options: LabelOverlapOptions = {}): RelationPart {
  return { relation: 'label-overlap', options: { ...options } as Options };
}

export interface PositiveNeutralNegativeOptions {
  /** vectors [B, K] that tell how alike two samples are, of the row modality. Default "similarity.values". */
  rows?: string;
  /** the same of the column modality. Default "similarity.values". */
  columns?: string;
  /** of two vectors. Default "cosine". */
  similarity?: 'cosine' | 'dot';
  /** pairs above are positives. Default 0.98. */
  positive?: number;
  /** pairs at or below are negatives. Default 0.97. */
  negative?: number;
  /** row i and column i are one sample, and positive whatever their vectors say. Default true. */
  paired?: boolean;
}

/** Similarity-aware triage (SAT, Liu et al. 2023): pairs of high similarity are positives, those of low similarity negatives, and those between neither. */
export function positiveNeutralNegative(options: PositiveNeutralNegativeOptions = {}): RelationPart {
  return { relation: 'positive-neutral-negative', options: { ...options } as Options };
}

export interface EntityExistenceOptions {
  /** two logits an entity [B, K, 2]. Default "image.existence". */
  logits?: string;
  /** 1 present, 0 absent, below 0 not mentioned and left out [B, K]. Default "triplets.labels". */
  labels?: string;
  /** numbers of entities that take no part, from 0. Default []. */
  excluded?: readonly number[];
  /** factor on the loss. Default 1. */
  weight?: number;
}

/** Cross-entropy of two logits an entity, absent and present, over the entities that the text mentions (MedKLIP, Wu et al. 2023). */
export function entityExistence(options: EntityExistenceOptions = {}, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'entity-existence', options: { ...options } as Options, ...more };
}

export interface EntityPositionOptions {
  /** a vector an entity [B, K, D]. Default "image.positions". */
  feature?: string;
  /** 1 where an entity is there [B, K]. Default "triplets.labels". */
  labels?: string;
  /** numbers of positions [B, K, 1 + wrong ones], the right one first. Default "triplets.positions". */
  candidates?: string;
  /** texts of the book. Must be given. */
  positions: number;
  /** D, of the texts' vectors too. Must be given. */
  width: number;
  /** numbers of entities that take no part, from 0. Default []. */
  excluded?: readonly number[];
  /** factor on the loss. Default 1. */
  weight?: number;
}

/** Contrast of an entity's vector with the text vector of its anatomical position against those of drawn wrong ones (MedKLIP, Wu et al. 2023); `book` of the recipe says where the texts' vectors come from. */
export function entityPosition(options: EntityPositionOptions, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'entity-position', options: { ...options } as Options, ...more };
}

export interface GlobalContrastOptions {
  /** features [B, D] of the row modality. Default "image.global". */
  rows?: string;
  /** features [B, D] of the column modality. Default "text.global". */
  columns?: string;
  /** initial soft-max temperature; the logit scale is its inverse. Default 0.07. */
  temperature?: number;
  /** whether log(1/temperature) is a parameter. Default true. */
  learnTemperature?: boolean;
  /** bound on the logit scale, kept after every step; 0: none. Default 100. */
  maximumScale?: number;
  /** weight of the row direction; the column direction has 1 minus it. Default 0.5. */
  rowWeight?: number;
  /** how much each sample of the row modality counts, [B], at least 0; empty: all alike. Default "". */
  rowSampleWeights?: string;
  /** the same of the column modality. Default "". */
  columnSampleWeights?: string;
  /** where the relation lists several positives of a sample: the mean of their cross-entropies; the same, each against the negatives alone (SAT, Liu et al. 2023); or any of them is enough (MIL-NCE, Miech et al. 2020). Default "mean". */
  positives?: 'mean' | 'apart' | 'any';
  /** β of negatives weighted by exp(β · score), for the identity relation and for positives `apart` (Robinson et al. 2021; Radenovic et al. 2023); 0: all alike. Default 0. */
  hardness?: number;
  /** weight of the mean squared log-sum-exp of both directions, which keeps scores small; 0: none. Default 0. */
  zLoss?: number;
  /** scale both features to unit length first. Default true. */
  normalise?: boolean;
  /** how several processes meet: gather brings all features to all of them; ring passes blocks on, so that none ever holds more than two, for batches whose features do not fit. The same loss and gradient. Default "gather". */
  exchange?: 'gather' | 'ring';
}

/** Symmetric InfoNCE of two global features with a fixed or learned temperature (Radford et al. 2021); soft targets, several positives and neutral pairs come from the relation. */
export function globalContrast(options: GlobalContrastOptions = {}, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'global-contrast', options: { ...options } as Options, ...more };
}

export interface MaskedLanguageOptions {
  /** word features [B, T, D] of the masked text. Default "text.tokens". */
  tokens?: string;
  /** original ids [B, T], -100 where nothing is to be predicted. Default "text.targets". */
  targets?: string;
  /** D. Must be given. */
  width: number;
  /** number of word pieces. Default 30522. */
  vocabularySize?: number;
  /** parameter [V, D] that the output layer shares; empty: its own. Default "encoders.text.embeddings.word_embeddings.weight". */
  tie?: string;
  /** of the transform's layer norm. Default 1e-12. */
  layerNormEpsilon?: number;
  /** factor on the loss. Default 1. */
  weight?: number;
}

/** Masked language modelling: cross-entropy of the original words at masked places (Devlin et al. 2019); the text input must mask (maskProbability). */
export function maskedLanguage(options: MaskedLanguageOptions, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'masked-language', options: { ...options } as Options, ...more };
}

export interface MultiLabelOptions {
  /** input [B, D]. Default "image.global". */
  feature?: string;
  /** labels [B, K]. Default "labels.values". */
  labels?: string;
  /** D. Must be given. */
  width: number;
  /** K. Must be given. */
  classes: number;
  /** where the column holds more labels: place of the first of the K; below 0: it holds the K alone. Default -1. */
  firstLabel?: number;
  /** the feature is z itself, [B, K], as a head gives it: nothing is learned here. Default false. */
  logits?: boolean;
  /** factor on the loss. Default 1. */
  weight?: number;
  /** factor on the positive term of each class; empty: 1. Default []. */
  positiveWeights?: readonly number[];
}

/** Binary cross-entropy of a linear classifier on one feature; labels 1 present, 0 absent, below 0 unknown and left out. */
export function multiLabel(options: MultiLabelOptions, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'multi-label', options: { ...options } as Options, ...more };
}

export interface SigmoidContrastOptions {
  /** features [B, D] of the row modality. Default "image.global". */
  rows?: string;
  /** features [B, D] of the column modality. Default "text.global". */
  columns?: string;
  /** initial temperature; the logit scale is its inverse. Default 0.1. */
  temperature?: number;
  /** initial bias: most pairs are negatives. Default -10. */
  bias?: number;
  /** scale both features to unit length first. Default true. */
  normalise?: boolean;
  /** how several processes meet, as in global-contrast; a ring gives no accuracy. Default "gather". */
  exchange?: 'gather' | 'ring';
}

/** Pairwise sigmoid contrast of two global features with learned scale and bias (SigLIP, Zhai et al. 2023). */
export function sigmoidContrast(options: SigmoidContrastOptions = {}, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'sigmoid-contrast', options: { ...options } as Options, ...more };
}

export interface WordRegionContrastOptions {
  /** region features [B, N, D]. Default "image.patches". */
  regions?: string;
  /** word features [B, T, D]. Default "text.tokens". */
  words?: string;
  /** real words [B, T]. Default "text.mask". */
  mask?: string;
  /** factor in the soft-max over regions (the authors' temp1). Default 4. */
  regionScale?: number;
  /** factor in the log-sum-exp over words (temp2). Default 5. */
  wordScale?: number;
  /** factor on the pair scores (temp3). Default 10. */
  logitScale?: number;
}

/** Contrast of words with the image regions they attend to, aggregated per image-text pair (GLoRIA, Huang et al. 2021). */
export function wordRegionContrast(options: WordRegionContrastOptions = {}, more: Omit<ObjectivePart, 'objective' | 'options'> = {}): ObjectivePart {
  return { objective: 'word-region-contrast', options: { ...options } as Options, ...more };
}

export interface AdamOptions {
  /** decay of the first moment. Default 0.9. */
  beta1?: number;
  /** decay of the second moment; CLIP's ViT runs use 0.98. Default 0.999. */
  beta2?: number;
  /** added to the root of the second moment; CLIP's ViT runs use 1e-6. Default 1e-8. */
  epsilon?: number;
}

/** Adam (Kingma and Ba 2015); weight decay is added to the gradient; fused kernel. */
export function adam(options: AdamOptions = {}): OptimiserPart {
  return { optimiser: 'adam', options: { ...options } as Options };
}

export interface AdamwOptions {
  /** decay of the first moment. Default 0.9. */
  beta1?: number;
  /** decay of the second moment; CLIP's ViT runs use 0.98. Default 0.999. */
  beta2?: number;
  /** added to the root of the second moment; CLIP's ViT runs use 1e-6. Default 1e-8. */
  epsilon?: number;
}

/** AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), fused kernel. */
export function adamw(options: AdamwOptions = {}): OptimiserPart {
  return { optimiser: 'adamw', options: { ...options } as Options };
}

export interface LambOptions {
  /** decay of the first moment. Default 0.9. */
  beta1?: number;
  /** decay of the second moment. Default 0.999. */
  beta2?: number;
  /** added to the root of the second moment. Default 0.000001. */
  epsilon?: number;
  /** largest trust ratio. Default 10. */
  maximumTrust?: number;
}

/** LAMB (You et al. 2020): layer-wise trust ratio on Adam's direction, for large batches. */
export function lamb(options: LambOptions = {}): OptimiserPart {
  return { optimiser: 'lamb', options: { ...options } as Options };
}

export interface SgdOptions {
  /** factor on the running gradient; 0 switches it off. Default 0.9. */
  momentum?: number;
  /** look ahead along the momentum. Default false. */
  nesterov?: boolean;
}

/** Stochastic gradient descent with optional (Nesterov) momentum; fused kernel. */
export function sgd(options: SgdOptions = {}): OptimiserPart {
  return { optimiser: 'sgd', options: { ...options } as Options };
}

export interface ConstantOptions {
  /** steps of linear warm-up from 0 to the full rate. Default 0. */
  warmup?: number;
}

/** The full rate after an optional warm-up. */
export function constant(options: ConstantOptions = {}): SchedulePart {
  return { schedule: 'constant', options: { ...options } as Options };
}

export interface CosineOptions {
  /** steps of linear warm-up from 0 to the full rate. Default 0. */
  warmup?: number;
  /** factor that the decay ends at. Default 0. */
  floor?: number;
}

/** Linear warm-up, then half a cosine down to the floor (CLIP, open_clip). */
export function cosine(options: CosineOptions = {}): SchedulePart {
  return { schedule: 'cosine', options: { ...options } as Options };
}

export interface EpochCosineOptions {
  /** epochs of the run: how often the rate moves. Must be given. */
  epochs: number;
  /** factor that the decay ends at. Default 0. */
  floor?: number;
  /** stairs of the climb. Default 5. */
  stairs?: number;
  /** steps on each stair. Default 100. */
  stairSteps?: number;
}

/** Half a cosine down to the floor that moves once an epoch; the first epoch climbs from the floor in stairs (MedKLIP). */
export function epochCosine(options: EpochCosineOptions): SchedulePart {
  return { schedule: 'epoch-cosine', options: { ...options } as Options };
}

export interface PlateauOptions {
  /** steps of linear warm-up from 0 to the full rate. Default 0. */
  warmup?: number;
  /** evaluations without improvement before the rate falls. Default 10. */
  patience?: number;
  /** factor at each fall. Default 0.1. */
  gamma?: number;
  /** factor that the decay ends at. Default 0. */
  floor?: number;
  /** relative change that counts as improvement. Default 0.0001. */
  threshold?: number;
  /** whether a smaller or a larger metric is better. Default "min". */
  mode?: 'min' | 'max';
}

/** Multiplies the rate by `gamma` when the watched metric (optimise.watch) has not improved for `patience` evaluations. */
export function plateau(options: PlateauOptions = {}): SchedulePart {
  return { schedule: 'plateau', options: { ...options } as Options };
}

export interface PolynomialOptions {
  /** steps of linear warm-up from 0 to the full rate. Default 0. */
  warmup?: number;
  /** factor that the decay ends at. Default 0. */
  floor?: number;
  /** exponent of the decay. Default 1. */
  power?: number;
}

/** Linear warm-up, then (1 - progress)^power down to the floor; power 1 is linear decay. */
export function polynomial(options: PolynomialOptions = {}): SchedulePart {
  return { schedule: 'polynomial', options: { ...options } as Options };
}

export interface StepsOptions {
  /** steps of linear warm-up from 0 to the full rate. Default 0. */
  warmup?: number;
  /** optimiser steps at which the rate falls. Default []. */
  at?: readonly number[];
  /** factor at each. Default 0.1. */
  gamma?: number;
}

/** Multiplies the rate by `gamma` at each of the given steps. */
export function steps(options: StepsOptions = {}): SchedulePart {
  return { schedule: 'steps', options: { ...options } as Options };
}

/** All registered parts with their options. */
export const description: Description = {
  "inputs": {
    "array": {
      "help": "Numbers of a row in a fixed shape: a number column, a list of numbers, or the raw values of a stored signal.",
      "options": [
        {
          "name": "column",
          "kind": "text",
          "fallback": null,
          "help": "column, with dots into structs: label_vec, patient.age_years; images: a stored signal"
        },
        {
          "name": "shape",
          "kind": "numbers",
          "fallback": null,
          "help": "shape of one sample, e.g. 12, 5000 for leads and samples; the numbers come in C order"
        },
        {
          "name": "dtype",
          "kind": "choice",
          "fallback": "float32",
          "help": "type of the result; int64 takes integers only and gives them exactly",
          "choices": [
            "float32",
            "int64"
          ]
        },
        {
          "name": "view",
          "kind": "integer",
          "fallback": 0,
          "help": "a column of stored signals: number of this view"
        },
        {
          "name": "choose",
          "kind": "choice",
          "fallback": "random",
          "help": "random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer",
          "choices": [
            "random",
            "position"
          ]
        },
        {
          "name": "missing",
          "kind": "choice",
          "fallback": "absent",
          "help": "a row without a value is marked absent, or filled with `fill` and counted as present. A single number that is null refuses the row and NaN is handed on (for encoders that flag it), or both become `fill`",
          "choices": [
            "absent",
            "fill"
          ]
        },
        {
          "name": "fill",
          "kind": "number",
          "fallback": 0,
          "help": "number for missing ones, before mean and deviation"
        },
        {
          "name": "mean",
          "kind": "numbers",
          "fallback": [
            0
          ],
          "help": "subtracted, one for all or one per entry of the first axis"
        },
        {
          "name": "deviation",
          "kind": "numbers",
          "fallback": [
            1
          ],
          "help": "divided by, one for all or one per entry of the first axis"
        },
        {
          "name": "stream",
          "kind": "integer",
          "fallback": 0,
          "help": "which row stream of the plan is read; inputs on different streams see different rows"
        }
      ],
      "gives": [
        "values",
        "present"
      ]
    },
    "image": {
      "help": "One stored image of a row, cropped, resized (triangle filter with antialias), augmented and normalised.",
      "options": [
        {
          "name": "column",
          "kind": "text",
          "fallback": "images",
          "help": "column of stored images"
        },
        {
          "name": "prior",
          "kind": "text",
          "fallback": "",
          "help": "column of images of the study before, prior_images; they take the same crop and the same changes as the image. Empty: not read"
        },
        {
          "name": "priorDrop",
          "kind": "number",
          "fallback": 0,
          "help": "probability that an earlier image is left away in training"
        },
        {
          "name": "view",
          "kind": "integer",
          "fallback": 0,
          "help": "number of this view: other views of a sample draw another image and other augmentations"
        },
        {
          "name": "choose",
          "kind": "choice",
          "fallback": "random",
          "help": "random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer",
          "choices": [
            "random",
            "position"
          ]
        },
        {
          "name": "projections",
          "kind": "texts",
          "fallback": [],
          "help": "only images whose `view` is one of these, e.g. PA and AP; empty: any"
        },
        {
          "name": "size",
          "kind": "integer",
          "fallback": 224,
          "help": "side of the result, pixels"
        },
        {
          "name": "resize",
          "kind": "integer",
          "fallback": 0,
          "help": "shorter side before a random or centre crop, pixels; 0: the same as size"
        },
        {
          "name": "stretch",
          "kind": "flag",
          "fallback": false,
          "help": "resize both sides to `resize` whatever the picture's shape, instead of the shorter one"
        },
        {
          "name": "colour",
          "kind": "flag",
          "fallback": false,
          "help": "keep colour; otherwise pictures become grey by Rec. 601"
        },
        {
          "name": "channels",
          "kind": "integer",
          "fallback": 3,
          "help": "channels that the encoder gets: 1, or 3 (grey is repeated on the device)"
        },
        {
          "name": "mean",
          "kind": "numbers",
          "fallback": [
            0.5
          ],
          "help": "subtracted, per channel or one for all, where full white is 1"
        },
        {
          "name": "deviation",
          "kind": "numbers",
          "fallback": [
            0.5
          ],
          "help": "divided by, per channel or one for all, where full white is 1"
        },
        {
          "name": "crop",
          "kind": "choice",
          "fallback": "random-resized",
          "help": "crop in training; evaluation takes the centre",
          "choices": [
            "random-resized",
            "random",
            "centre"
          ]
        },
        {
          "name": "cropScale",
          "kind": "numbers",
          "fallback": [
            0.9,
            1
          ],
          "help": "random-resized: least and greatest area, fraction of the picture"
        },
        {
          "name": "cropRatio",
          "kind": "numbers",
          "fallback": [
            0.75,
            1.3333333333333333
          ],
          "help": "random-resized: least and greatest width over height"
        },
        {
          "name": "flip",
          "kind": "number",
          "fallback": 0,
          "help": "probability of a left-right mirror"
        },
        {
          "name": "flipText",
          "kind": "choice",
          "fallback": "ignore",
          "help": "what a mirror means for words like left and right (the text input's sidePairs): ignore them; refuse to mirror rows whose texts hold one; swap them in the texts of mirrored rows",
          "choices": [
            "ignore",
            "refuse",
            "swap"
          ]
        },
        {
          "name": "affine",
          "kind": "number",
          "fallback": 0,
          "help": "probability of an affine change: rotate, translate, zoom, shear together"
        },
        {
          "name": "rotate",
          "kind": "number",
          "fallback": 10,
          "help": "affine: greatest turn to either side, degrees"
        },
        {
          "name": "translate",
          "kind": "number",
          "fallback": 0.05,
          "help": "affine: greatest shift along each axis, fraction of the side"
        },
        {
          "name": "zoom",
          "kind": "numbers",
          "fallback": [
            0.95,
            1.05
          ],
          "help": "affine: least and greatest enlargement, factor"
        },
        {
          "name": "shear",
          "kind": "number",
          "fallback": 0,
          "help": "affine: greatest shear along each axis, degrees"
        },
        {
          "name": "fill",
          "kind": "number",
          "fallback": 0,
          "help": "grey level (0 to 255) of what affine brings in from outside and of cut-out holes"
        },
        {
          "name": "equalise",
          "kind": "number",
          "fallback": 0,
          "help": "probability of contrast-limited adaptive histogram equalisation"
        },
        {
          "name": "equaliseTiles",
          "kind": "integer",
          "fallback": 8,
          "help": "equalise: tiles along each side"
        },
        {
          "name": "equaliseLimit",
          "kind": "number",
          "fallback": 2,
          "help": "equalise: most that a histogram bin may hold, times the mean bin"
        },
        {
          "name": "brightness",
          "kind": "number",
          "fallback": 0,
          "help": "probability of a change of brightness"
        },
        {
          "name": "brightnessAmount",
          "kind": "number",
          "fallback": 0.2,
          "help": "brightness: the factor is drawn from 1 ± this"
        },
        {
          "name": "contrast",
          "kind": "number",
          "fallback": 0,
          "help": "probability of a change of contrast"
        },
        {
          "name": "contrastAmount",
          "kind": "number",
          "fallback": 0.2,
          "help": "contrast: the factor on the distance from the mean level is drawn from 1 ± this"
        },
        {
          "name": "blur",
          "kind": "number",
          "fallback": 0,
          "help": "probability of a Gaussian blur"
        },
        {
          "name": "blurSigma",
          "kind": "numbers",
          "fallback": [
            0.1,
            2
          ],
          "help": "blur: least and greatest standard deviation, pixels of the result"
        },
        {
          "name": "noise",
          "kind": "number",
          "fallback": 0,
          "help": "probability of Gaussian noise, drawn anew for each pixel and channel"
        },
        {
          "name": "noiseDeviation",
          "kind": "numbers",
          "fallback": [
            1,
            8
          ],
          "help": "noise: least and greatest standard deviation, grey levels of 255"
        },
        {
          "name": "cutOut",
          "kind": "number",
          "fallback": 0,
          "help": "probability of cut-out holes (random erasing)"
        },
        {
          "name": "cutOutHoles",
          "kind": "integer",
          "fallback": 1,
          "help": "cut-out: number of holes"
        },
        {
          "name": "cutOutArea",
          "kind": "numbers",
          "fallback": [
            0.02,
            0.2
          ],
          "help": "cut-out: least and greatest area of a hole, fraction of the picture"
        },
        {
          "name": "stream",
          "kind": "integer",
          "fallback": 0,
          "help": "which row stream of the plan is read; inputs on different streams see different rows"
        }
      ],
      "gives": [
        "pixels",
        "present"
      ]
    },
    "text": {
      "help": "Token ids of a text of the row: sentences drawn, shuffled and joined, special tokens around them, optionally masked.",
      "options": [
        {
          "name": "column",
          "kind": "text",
          "fallback": "texts",
          "help": "column of texts"
        },
        {
          "name": "kinds",
          "kind": "texts",
          "fallback": [],
          "help": "only texts of these kinds, e.g. findings and impression; empty: any"
        },
        {
          "name": "languages",
          "kind": "texts",
          "fallback": [],
          "help": "only texts in these languages, e.g. en; empty: any"
        },
        {
          "name": "view",
          "kind": "integer",
          "fallback": 0,
          "help": "number of this view: other views of a sample draw another text"
        },
        {
          "name": "choose",
          "kind": "choice",
          "fallback": "random",
          "help": "random: each view takes another one in an order drawn per epoch (evaluation: in stored order), starting again when there are fewer; position: view 0 takes the first, view 1 the second, absent when there are fewer; join: all of them, one after another, in the order of `kinds`",
          "choices": [
            "random",
            "position",
            "join"
          ]
        },
        {
          "name": "sentences",
          "kind": "integer",
          "fallback": 0,
          "help": "sentences drawn without replacement in training, the first so many in evaluation; 0: all"
        },
        {
          "name": "shuffle",
          "kind": "flag",
          "fallback": false,
          "help": "put the sentences of each text in random order in training; otherwise they keep their order. Texts that are joined stay one behind the other"
        },
        {
          "name": "maxTokens",
          "kind": "integer",
          "fallback": 128,
          "help": "longest text, tokens with the special ones; the rest is cut off"
        },
        {
          "name": "padTo",
          "kind": "integer",
          "fallback": 8,
          "help": "the batch's length is rounded up to a multiple of this, at most maxTokens"
        },
        {
          "name": "startId",
          "kind": "integer",
          "fallback": -1,
          "help": "token before the text; -1: none"
        },
        {
          "name": "endId",
          "kind": "integer",
          "fallback": -1,
          "help": "token after the text; -1: none"
        },
        {
          "name": "padId",
          "kind": "integer",
          "fallback": 0,
          "help": "token after the end of shorter texts"
        },
        {
          "name": "maskId",
          "kind": "integer",
          "fallback": -1,
          "help": "token that hides another; needed with maskProbability"
        },
        {
          "name": "vocabularySize",
          "kind": "integer",
          "fallback": 0,
          "help": "tokens known to the encoder: others are refused, random ones drawn below it; 0: unknown"
        },
        {
          "name": "sidePairs",
          "kind": "numbers",
          "fallback": [],
          "help": "token ids a, b, a, b … of words that exchange in a mirror, e.g. left and right; see the image's flipText"
        },
        {
          "name": "maskProbability",
          "kind": "number",
          "fallback": 0,
          "help": "masked language modelling (Devlin et al. 2019): part of the tokens that become targets; of them 80 % are hidden, 10 % replaced by a random token, 10 % kept. Training only"
        },
        {
          "name": "wholeWords",
          "kind": "flag",
          "fallback": false,
          "help": "draw words instead of tokens for masking: all tokens of a word become targets together"
        },
        {
          "name": "continuations",
          "kind": "numbers",
          "fallback": [],
          "help": "ids of the tokens that go on with a word (##… of WordPiece), needed with wholeWords; a run takes them from its data's tokenizer"
        },
        {
          "name": "stream",
          "kind": "integer",
          "fallback": 0,
          "help": "which row stream of the plan is read; inputs on different streams see different rows"
        }
      ],
      "gives": [
        "ids",
        "mask",
        "targets",
        "present"
      ]
    },
    "triplets": {
      "help": "What a report says of entities at anatomical positions, from a column of numbers [positions, entities]: labels, and drawn candidates for the position of each entity that is there (MedKLIP, Wu et al. 2023).",
      "options": [
        {
          "name": "column",
          "kind": "text",
          "fallback": "triplets",
          "help": "column of numbers [positions, entities]: 1 there, 0 said not to be, -1 not mentioned"
        },
        {
          "name": "shape",
          "kind": "numbers",
          "fallback": null,
          "help": "positions and entities"
        },
        {
          "name": "negatives",
          "kind": "integer",
          "fallback": 7,
          "help": "wrong positions drawn beside the right one, without replacement"
        },
        {
          "name": "sidePairs",
          "kind": "numbers",
          "fallback": [],
          "help": "numbers of positions a, b, a, b … that exchange in a mirrored image; needs the image's flipText 'swap'"
        },
        {
          "name": "stream",
          "kind": "integer",
          "fallback": 0,
          "help": "which row stream of the plan is read; inputs on different streams see different rows"
        }
      ],
      "gives": [
        "labels",
        "positions",
        "present"
      ]
    }
  },
  "encoders": {
    "bert": {
      "help": "BERT (Devlin et al. 2019) of any size with Hugging Face's parameter names. Gives global [B, D], tokens [B, T, D] and mask [B, T].",
      "options": [
        {
          "name": "vocabularySize",
          "kind": "integer",
          "fallback": 30522,
          "help": "number of token ids"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 768,
          "help": "width of a token, D"
        },
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 12,
          "help": "layers"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 12,
          "help": "attention heads; must divide the width"
        },
        {
          "name": "feedForward",
          "kind": "integer",
          "fallback": 3072,
          "help": "hidden width of the feed-forward part"
        },
        {
          "name": "maxTokens",
          "kind": "integer",
          "fallback": 512,
          "help": "number of learned positions"
        },
        {
          "name": "typeVocabulary",
          "kind": "integer",
          "fallback": 2,
          "help": "number of token types; without a field \"types\" all tokens have type 0"
        },
        {
          "name": "padId",
          "kind": "integer",
          "fallback": 0,
          "help": "id of padding: its embedding starts at zero and is not learned"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0.1,
          "help": "probability, on embeddings and on the output of both branches"
        },
        {
          "name": "attentionDropout",
          "kind": "number",
          "fallback": 0.1,
          "help": "probability, on attention weights; 0 lets the fused kernel run in training"
        },
        {
          "name": "layerNormEps",
          "kind": "number",
          "fallback": 1e-12,
          "help": "epsilon of the norms"
        },
        {
          "name": "averageLast",
          "kind": "integer",
          "fallback": 1,
          "help": "tokens are the mean of this many last layers"
        },
        {
          "name": "global",
          "kind": "choice",
          "fallback": "cls",
          "help": "the first token, the first token of the last layer through the pooler (tanh), or the mean of the real tokens",
          "choices": [
            "cls",
            "pooler",
            "mean"
          ]
        },
        {
          "name": "pooler",
          "kind": "flag",
          "fallback": false,
          "help": "hold the pooler's parameters also where global does not use them"
        }
      ],
      "gives": [
        "global",
        "tokens",
        "mask"
      ]
    },
    "clip-text": {
      "help": "CLIP's text transformer (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from the end token, tokens [B, T, D] after the last norm, and mask [B, T].",
      "options": [
        {
          "name": "vocabularySize",
          "kind": "integer",
          "fallback": 49408,
          "help": "number of token ids"
        },
        {
          "name": "maxTokens",
          "kind": "integer",
          "fallback": 77,
          "help": "number of learned positions"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 512,
          "help": "width of a token, D"
        },
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 12,
          "help": "blocks"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 8,
          "help": "attention heads; must divide the width"
        },
        {
          "name": "mlpRatio",
          "kind": "number",
          "fallback": 4,
          "help": "hidden width of the feed-forward part over the width"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": 512,
          "help": "width of global; 0: no projection"
        },
        {
          "name": "pool",
          "kind": "choice",
          "fallback": "argmax",
          "help": "the token that becomes global: the one with the highest id (CLIP's vocabulary ends with the end token), the first with endId, or the last real one",
          "choices": [
            "argmax",
            "eos",
            "last"
          ]
        },
        {
          "name": "endId",
          "kind": "integer",
          "fallback": 49407,
          "help": "id of the end token, for pool eos"
        },
        {
          "name": "padId",
          "kind": "integer",
          "fallback": 0,
          "help": "id of padding"
        },
        {
          "name": "causal",
          "kind": "flag",
          "fallback": true,
          "help": "tokens see only earlier tokens; without, padding is masked"
        },
        {
          "name": "activation",
          "kind": "choice",
          "fallback": "gelu",
          "help": "quick-gelu is OpenAI's",
          "choices": [
            "gelu",
            "quick-gelu"
          ]
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, on embeddings, attention output and feed-forward part"
        },
        {
          "name": "attentionDropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, on attention weights"
        }
      ],
      "gives": [
        "global",
        "tokens",
        "mask"
      ]
    },
    "modified-resnet": {
      "help": "CLIP's ResNet (Radford et al. 2021) with open_clip's parameter names. Gives global [B, outputWidth] from its attention pooling and patches [B, N, 32 · width], the last map row by row.",
      "options": [
        {
          "name": "layers",
          "kind": "numbers",
          "fallback": [
            3,
            4,
            6,
            3
          ],
          "help": "blocks of the four stages; RN50 is 3, 4, 6, 3"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 64,
          "help": "channels of the stem"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 32,
          "help": "heads of the attention pooling; must divide 32 · width"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": 1024,
          "help": "width of global"
        },
        {
          "name": "imageSize",
          "kind": "integer",
          "fallback": 224,
          "help": "side of the training images, pixels; other sizes resize the positions"
        },
        {
          "name": "frozenStatistics",
          "kind": "flag",
          "fallback": false,
          "help": "BatchNorm keeps its running statistics and uses them in training too"
        }
      ],
      "gives": [
        "global",
        "patches"
      ]
    },
    "resnet": {
      "help": "ResNet (He et al. 2016) with torchvision's parameter names. Gives global [B, D], the mean of the last map, and patches [B, N, D], the map row by row.",
      "options": [
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 50,
          "help": "10, 18, 34, 50, 101 or 152"
        },
        {
          "name": "stages",
          "kind": "integer",
          "fallback": 4,
          "help": "stages of the four that are built; 3 stops after layer3"
        },
        {
          "name": "dilateLast",
          "kind": "flag",
          "fallback": false,
          "help": "layer4 keeps its resolution and dilates: twice as many patches along each side"
        },
        {
          "name": "zeroInitResidual",
          "kind": "flag",
          "fallback": false,
          "help": "each block starts as the identity"
        },
        {
          "name": "inputChannels",
          "kind": "integer",
          "fallback": 3,
          "help": "channels of the image: 3, or 1 for grey"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 64,
          "help": "channels of the stem; the last map of depth 50 has 32 times as many"
        },
        {
          "name": "frozenStatistics",
          "kind": "flag",
          "fallback": false,
          "help": "BatchNorm keeps its running statistics and uses them in training too"
        }
      ],
      "gives": [
        "global",
        "patches"
      ]
    },
    "signal-resnet": {
      "help": "Residual convolutions over time for signals of several leads (ECG); each stage halves the length and doubles the channels",
      "options": [
        {
          "name": "leads",
          "kind": "integer",
          "fallback": 12,
          "help": "channels of the signal"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 32,
          "help": "channels of the first stage"
        },
        {
          "name": "stages",
          "kind": "integer",
          "fallback": 4,
          "help": "stages of one residual block"
        },
        {
          "name": "kernel",
          "kind": "integer",
          "fallback": 7,
          "help": "samples under a filter; odd"
        }
      ],
      "gives": [
        "global",
        "patches"
      ]
    },
    "table-mlp": {
      "help": "Perceptron over a row of numbers; missing ones (not finite) are flagged beside their value",
      "options": [
        {
          "name": "columns",
          "kind": "integer",
          "fallback": null,
          "help": "numbers a row"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 256,
          "help": "width of the layers, D"
        },
        {
          "name": "layers",
          "kind": "integer",
          "fallback": 2,
          "help": "hidden layers"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, after each hidden layer"
        }
      ],
      "gives": [
        "global"
      ]
    },
    "temporal-resnet": {
      "help": "ResNet of an image and, where there is one, of an earlier image, compared by a transformer (BioViL-T, Bannur et al. 2023). Gives patches [B, N, 2 x width], the image's own features beside what changed (a learned vector without an earlier image), and global, their mean. The image input must read earlier images (`prior`).",
      "options": [
        {
          "name": "backboneDepth",
          "kind": "integer",
          "fallback": 50,
          "help": "of the ResNet: 10, 18, 34, 50, 101 or 152"
        },
        {
          "name": "backboneWidth",
          "kind": "integer",
          "fallback": 64,
          "help": "channels of the ResNet's stem"
        },
        {
          "name": "inputChannels",
          "kind": "integer",
          "fallback": 3,
          "help": "channels of the image: 3, or 1 for grey"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 256,
          "help": "of an image's features before they are compared; a multiple of 4"
        },
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 3,
          "help": "transformer blocks that compare"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 8,
          "help": "attention heads; must divide width"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0.1,
          "help": "probability, in the transformer"
        },
        {
          "name": "dropPath",
          "kind": "number",
          "fallback": 0.25,
          "help": "probability, stochastic depth of the transformer"
        }
      ],
      "gives": [
        "global",
        "patches"
      ]
    },
    "vit": {
      "help": "Vision transformer (Dosovitskiy et al. 2021) with the parameter names of timm or open_clip. Gives global [B, D], or [B, outputWidth], and patches [B, N, D], row by row, after the last norm.",
      "options": [
        {
          "name": "imageSize",
          "kind": "integer",
          "fallback": 224,
          "help": "side of the training images, pixels; other sizes resize the positions"
        },
        {
          "name": "patchSize",
          "kind": "integer",
          "fallback": 16,
          "help": "side of a patch, pixels"
        },
        {
          "name": "inputChannels",
          "kind": "integer",
          "fallback": 3,
          "help": "channels of the image: 3, or 1 for grey"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 768,
          "help": "width of a token, D"
        },
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 12,
          "help": "blocks"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 12,
          "help": "attention heads; must divide the width"
        },
        {
          "name": "mlpRatio",
          "kind": "number",
          "fallback": 4,
          "help": "hidden width of the feed-forward part over the width"
        },
        {
          "name": "keys",
          "kind": "choice",
          "fallback": "timm",
          "help": "whose parameter names, and with them whose details: open-clip has a norm before the blocks and no bias on the patches",
          "choices": [
            "timm",
            "open-clip"
          ]
        },
        {
          "name": "pool",
          "kind": "choice",
          "fallback": "cls",
          "help": "global is the class token, or the mean of the patches",
          "choices": [
            "cls",
            "mean"
          ]
        },
        {
          "name": "classToken",
          "kind": "flag",
          "fallback": true,
          "help": "a class token beside the patches; the mean does without"
        },
        {
          "name": "activation",
          "kind": "choice",
          "fallback": "gelu",
          "help": "quick-gelu is OpenAI's",
          "choices": [
            "gelu",
            "quick-gelu"
          ]
        },
        {
          "name": "qkvBias",
          "kind": "flag",
          "fallback": true,
          "help": "bias on queries, keys and values"
        },
        {
          "name": "layerScale",
          "kind": "number",
          "fallback": 0,
          "help": "start of the learned scale of each branch; 0: none"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": 0,
          "help": "width of global after an output projection (open-clip: proj, timm: head); 0: none"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, on positions, attention output and feed-forward part"
        },
        {
          "name": "attentionDropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, on attention weights"
        },
        {
          "name": "dropPath",
          "kind": "number",
          "fallback": 0,
          "help": "probability that the last block is skipped; rises in a line from 0 at the first"
        },
        {
          "name": "normEps",
          "kind": "number",
          "fallback": 0,
          "help": "epsilon of the norms; 0: 1e-6 for timm, 1e-5 for open-clip"
        }
      ],
      "gives": [
        "global",
        "patches"
      ]
    }
  },
  "heads": {
    "attention-pool": {
      "help": "Learned queries attend to a sequence (Yu et al. 2022): [B, N, D] → [B, outputWidth], or [B, queries, outputWidth] with several queries.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "mask",
          "kind": "feature",
          "fallback": "",
          "help": "feature [B, N], true where a place counts, e.g. text.mask; empty: all count"
        },
        {
          "name": "inputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `from`"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `to`"
        },
        {
          "name": "queries",
          "kind": "integer",
          "fallback": 1,
          "help": "learned queries"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 8,
          "help": "attention heads; must divide outputWidth"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, on attention weights"
        }
      ],
      "gives": []
    },
    "entity-decoder": {
      "help": "A transformer decoder (DETR's, pre-norm) with one query an entity of a book of texts looks at image regions: [B, N, D] → [B, entities, D] (MedKLIP, Wu et al. 2023). `book` of the recipe says where the texts' vectors come from.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "attention",
          "kind": "output",
          "fallback": "",
          "help": "feature written beside `to`: what each query looks at, [B, entities, N], mean over layers and heads; empty: none"
        },
        {
          "name": "entities",
          "kind": "integer",
          "fallback": null,
          "help": "texts of the book, one query each"
        },
        {
          "name": "bookWidth",
          "kind": "integer",
          "fallback": 768,
          "help": "width of the texts' vectors"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": 256,
          "help": "of `from`, `to` and the decoder"
        },
        {
          "name": "depth",
          "kind": "integer",
          "fallback": 4,
          "help": "decoder layers"
        },
        {
          "name": "heads",
          "kind": "integer",
          "fallback": 4,
          "help": "attention heads; must divide width"
        },
        {
          "name": "feedForward",
          "kind": "integer",
          "fallback": 1024,
          "help": "width inside a layer's feed-forward part"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0.1,
          "help": "probability: attention, feed-forward, branches, and once on the result"
        },
        {
          "name": "initDeviation",
          "kind": "number",
          "fallback": 0.02,
          "help": "deviation that all weights start with"
        }
      ],
      "gives": []
    },
    "first-pool": {
      "help": "The first place, [B, N, D] → [B, D]: the [CLS] token of a text.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        }
      ],
      "gives": []
    },
    "layer-norm": {
      "help": "Layer normalisation of the last dimension (Ba et al. 2016), with a learned scale and shift.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "inputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `from`"
        },
        {
          "name": "eps",
          "kind": "number",
          "fallback": 0.00001,
          "help": "added to the variance"
        }
      ],
      "gives": []
    },
    "linear-projection": {
      "help": "One linear layer on the last dimension: [B, D] or [B, N, D].",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "inputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `from`"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `to`"
        },
        {
          "name": "bias",
          "kind": "flag",
          "fallback": true,
          "help": "with a bias"
        },
        {
          "name": "initDeviation",
          "kind": "number",
          "fallback": 0,
          "help": "deviation of the normal that weights start with; 0: torch's default"
        }
      ],
      "gives": []
    },
    "max-pool": {
      "help": "Largest value of each component over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "mask",
          "kind": "feature",
          "fallback": "",
          "help": "feature [B, N], true where a place counts, e.g. text.mask; empty: all count"
        }
      ],
      "gives": []
    },
    "mean-pool": {
      "help": "Mean over the places that count, [B, N, D] → [B, D]; zero for a sample in which none does.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "mask",
          "kind": "feature",
          "fallback": "",
          "help": "feature [B, N], true where a place counts, e.g. text.mask; empty: all count"
        }
      ],
      "gives": []
    },
    "mlp-projection": {
      "help": "Linear layers with a norm and an activation between them, on the last dimension of [B, D] or [B, N, D]: the projection of SimCLR, ConVIRT, BioViL and many others.",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "inputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `from`"
        },
        {
          "name": "hiddenWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of the hidden layers"
        },
        {
          "name": "outputWidth",
          "kind": "integer",
          "fallback": null,
          "help": "width of `to`"
        },
        {
          "name": "layers",
          "kind": "integer",
          "fallback": 2,
          "help": "linear layers, the last one included"
        },
        {
          "name": "activation",
          "kind": "choice",
          "fallback": "relu",
          "help": "between the layers",
          "choices": [
            "relu",
            "gelu",
            "quick-gelu",
            "tanh"
          ]
        },
        {
          "name": "norm",
          "kind": "choice",
          "fallback": "none",
          "help": "between the layers; batch counts every place of [B, N, D]",
          "choices": [
            "none",
            "batch",
            "layer"
          ]
        },
        {
          "name": "normAfterActivation",
          "kind": "flag",
          "fallback": false,
          "help": "activation, then norm"
        },
        {
          "name": "normEps",
          "kind": "number",
          "fallback": 0.00001,
          "help": "epsilon of the norm"
        },
        {
          "name": "hiddenBias",
          "kind": "flag",
          "fallback": true,
          "help": "bias of the hidden layers"
        },
        {
          "name": "bias",
          "kind": "flag",
          "fallback": true,
          "help": "bias of the last layer"
        },
        {
          "name": "dropout",
          "kind": "number",
          "fallback": 0,
          "help": "probability, before every layer but the first"
        },
        {
          "name": "initDeviation",
          "kind": "number",
          "fallback": 0,
          "help": "deviation of the normal that weights start with; 0: torch's default"
        }
      ],
      "gives": []
    },
    "normalise": {
      "help": "Scales the last dimension to unit length (L2).",
      "options": [
        {
          "name": "from",
          "kind": "feature",
          "fallback": null,
          "help": "feature that is read, <modality>.<grain>"
        },
        {
          "name": "to",
          "kind": "output",
          "fallback": "",
          "help": "feature that is written; empty: takes the place of `from`"
        },
        {
          "name": "eps",
          "kind": "number",
          "fallback": 1e-12,
          "help": "shortest length that is divided by; zero vectors stay zero"
        }
      ],
      "gives": []
    }
  },
  "relations": {
    "identity": {
      "help": "Each sample belongs with its own partner alone (CLIP)",
      "options": [],
      "gives": []
    },
    "label-match": {
      "help": "Every pair whose labels match is a positive: the same findings (UMCL, Wang and Wang 2023; UniCL, Yang et al. 2022), a finding in common, or the same numbers, such as a concept's or a patient's id (KAD's first stage, Zhang et al. 2023)",
      "options": [
        {
          "name": "rows",
          "kind": "feature",
          "fallback": "labels.values",
          "help": "label vectors or ids [B, K] of the row modality"
        },
        {
          "name": "columns",
          "kind": "feature",
          "fallback": "labels.values",
          "help": "label vectors or ids [B, K] of the column modality"
        },
        {
          "name": "match",
          "kind": "choice",
          "fallback": "equal",
          "help": "equal: the same labels are above 0; overlap: some label is above 0 in both; identical: all numbers are the same",
          "choices": [
            "equal",
            "overlap",
            "identical"
          ]
        }
      ],
      "gives": []
    },
    "label-overlap": {
      "help": "Similarity s of label vectors (of what is positive in both) as soft targets: soft-max of s/temperature (MedCLIP, Wang et al. 2022, eq. 3) or s over its sum",
      "options": [
        {
          "name": "rows",
          "kind": "feature",
          "fallback": "labels.values",
          "help": "label vectors [B, K] of the row modality"
        },
        {
          "name": "columns",
          "kind": "feature",
          "fallback": "labels.values",
          "help": "label vectors [B, K] of the column modality; may come from another stream"
        },
        {
          "name": "similarity",
          "kind": "choice",
          "fallback": "cosine",
          "help": "cosine as MedCLIP's paper, or the plain product of its code",
          "choices": [
            "cosine",
            "dot"
          ]
        },
        {
          "name": "normalise",
          "kind": "choice",
          "fallback": "softmax",
          "help": "how similarities become targets",
          "choices": [
            "softmax",
            "proportion"
          ]
        },
        {
          "name": "temperature",
          "kind": "number",
          "fallback": 1,
          "help": "temperature of the soft-max"
        }
      ],
      "gives": []
    },
    "positive-neutral-negative": {
      "help": "Similarity-aware triage (SAT, Liu et al. 2023): pairs of high similarity are positives, those of low similarity negatives, and those between neither",
      "options": [
        {
          "name": "rows",
          "kind": "feature",
          "fallback": "similarity.values",
          "help": "vectors [B, K] that tell how alike two samples are, of the row modality"
        },
        {
          "name": "columns",
          "kind": "feature",
          "fallback": "similarity.values",
          "help": "the same of the column modality"
        },
        {
          "name": "similarity",
          "kind": "choice",
          "fallback": "cosine",
          "help": "of two vectors",
          "choices": [
            "cosine",
            "dot"
          ]
        },
        {
          "name": "positive",
          "kind": "number",
          "fallback": 0.98,
          "help": "pairs above are positives"
        },
        {
          "name": "negative",
          "kind": "number",
          "fallback": 0.97,
          "help": "pairs at or below are negatives"
        },
        {
          "name": "paired",
          "kind": "flag",
          "fallback": true,
          "help": "row i and column i are one sample, and positive whatever their vectors say"
        }
      ],
      "gives": []
    }
  },
  "objectives": {
    "entity-existence": {
      "help": "Cross-entropy of two logits an entity, absent and present, over the entities that the text mentions (MedKLIP, Wu et al. 2023)",
      "options": [
        {
          "name": "logits",
          "kind": "feature",
          "fallback": "image.existence",
          "help": "two logits an entity [B, K, 2]"
        },
        {
          "name": "labels",
          "kind": "feature",
          "fallback": "triplets.labels",
          "help": "1 present, 0 absent, below 0 not mentioned and left out [B, K]"
        },
        {
          "name": "excluded",
          "kind": "numbers",
          "fallback": [],
          "help": "numbers of entities that take no part, from 0"
        },
        {
          "name": "weight",
          "kind": "number",
          "fallback": 1,
          "help": "factor on the loss"
        }
      ],
      "gives": []
    },
    "entity-position": {
      "help": "Contrast of an entity's vector with the text vector of its anatomical position against those of drawn wrong ones (MedKLIP, Wu et al. 2023); `book` of the recipe says where the texts' vectors come from",
      "options": [
        {
          "name": "feature",
          "kind": "feature",
          "fallback": "image.positions",
          "help": "a vector an entity [B, K, D]"
        },
        {
          "name": "labels",
          "kind": "feature",
          "fallback": "triplets.labels",
          "help": "1 where an entity is there [B, K]"
        },
        {
          "name": "candidates",
          "kind": "feature",
          "fallback": "triplets.positions",
          "help": "numbers of positions [B, K, 1 + wrong ones], the right one first"
        },
        {
          "name": "positions",
          "kind": "integer",
          "fallback": null,
          "help": "texts of the book"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": null,
          "help": "D, of the texts' vectors too"
        },
        {
          "name": "excluded",
          "kind": "numbers",
          "fallback": [],
          "help": "numbers of entities that take no part, from 0"
        },
        {
          "name": "weight",
          "kind": "number",
          "fallback": 1,
          "help": "factor on the loss"
        }
      ],
      "gives": []
    },
    "global-contrast": {
      "help": "Symmetric InfoNCE of two global features with a fixed or learned temperature (Radford et al. 2021); soft targets, several positives and neutral pairs come from the relation",
      "options": [
        {
          "name": "rows",
          "kind": "feature",
          "fallback": "image.global",
          "help": "features [B, D] of the row modality"
        },
        {
          "name": "columns",
          "kind": "feature",
          "fallback": "text.global",
          "help": "features [B, D] of the column modality"
        },
        {
          "name": "temperature",
          "kind": "number",
          "fallback": 0.07,
          "help": "initial soft-max temperature; the logit scale is its inverse"
        },
        {
          "name": "learnTemperature",
          "kind": "flag",
          "fallback": true,
          "help": "whether log(1/temperature) is a parameter"
        },
        {
          "name": "maximumScale",
          "kind": "number",
          "fallback": 100,
          "help": "bound on the logit scale, kept after every step; 0: none"
        },
        {
          "name": "rowWeight",
          "kind": "number",
          "fallback": 0.5,
          "help": "weight of the row direction; the column direction has 1 minus it"
        },
        {
          "name": "rowSampleWeights",
          "kind": "feature",
          "fallback": "",
          "help": "how much each sample of the row modality counts, [B], at least 0; empty: all alike"
        },
        {
          "name": "columnSampleWeights",
          "kind": "feature",
          "fallback": "",
          "help": "the same of the column modality"
        },
        {
          "name": "positives",
          "kind": "choice",
          "fallback": "mean",
          "help": "where the relation lists several positives of a sample: the mean of their cross-entropies; the same, each against the negatives alone (SAT, Liu et al. 2023); or any of them is enough (MIL-NCE, Miech et al. 2020)",
          "choices": [
            "mean",
            "apart",
            "any"
          ]
        },
        {
          "name": "hardness",
          "kind": "number",
          "fallback": 0,
          "help": "β of negatives weighted by exp(β · score), for the identity relation and for positives `apart` (Robinson et al. 2021; Radenovic et al. 2023); 0: all alike"
        },
        {
          "name": "zLoss",
          "kind": "number",
          "fallback": 0,
          "help": "weight of the mean squared log-sum-exp of both directions, which keeps scores small; 0: none"
        },
        {
          "name": "normalise",
          "kind": "flag",
          "fallback": true,
          "help": "scale both features to unit length first"
        },
        {
          "name": "exchange",
          "kind": "choice",
          "fallback": "gather",
          "help": "how several processes meet: gather brings all features to all of them; ring passes blocks on, so that none ever holds more than two, for batches whose features do not fit. The same loss and gradient",
          "choices": [
            "gather",
            "ring"
          ]
        }
      ],
      "gives": []
    },
    "masked-language": {
      "help": "Masked language modelling: cross-entropy of the original words at masked places (Devlin et al. 2019); the text input must mask (maskProbability)",
      "options": [
        {
          "name": "tokens",
          "kind": "feature",
          "fallback": "text.tokens",
          "help": "word features [B, T, D] of the masked text"
        },
        {
          "name": "targets",
          "kind": "feature",
          "fallback": "text.targets",
          "help": "original ids [B, T], -100 where nothing is to be predicted"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": null,
          "help": "D"
        },
        {
          "name": "vocabularySize",
          "kind": "integer",
          "fallback": 30522,
          "help": "number of word pieces"
        },
        {
          "name": "tie",
          "kind": "text",
          "fallback": "encoders.text.embeddings.word_embeddings.weight",
          "help": "parameter [V, D] that the output layer shares; empty: its own"
        },
        {
          "name": "layerNormEpsilon",
          "kind": "number",
          "fallback": 1e-12,
          "help": "of the transform's layer norm"
        },
        {
          "name": "weight",
          "kind": "number",
          "fallback": 1,
          "help": "factor on the loss"
        }
      ],
      "gives": []
    },
    "multi-label": {
      "help": "Binary cross-entropy of a linear classifier on one feature; labels 1 present, 0 absent, below 0 unknown and left out",
      "options": [
        {
          "name": "feature",
          "kind": "feature",
          "fallback": "image.global",
          "help": "input [B, D]"
        },
        {
          "name": "labels",
          "kind": "feature",
          "fallback": "labels.values",
          "help": "labels [B, K]"
        },
        {
          "name": "width",
          "kind": "integer",
          "fallback": null,
          "help": "D"
        },
        {
          "name": "classes",
          "kind": "integer",
          "fallback": null,
          "help": "K"
        },
        {
          "name": "firstLabel",
          "kind": "integer",
          "fallback": -1,
          "help": "where the column holds more labels: place of the first of the K; below 0: it holds the K alone"
        },
        {
          "name": "logits",
          "kind": "flag",
          "fallback": false,
          "help": "the feature is z itself, [B, K], as a head gives it: nothing is learned here"
        },
        {
          "name": "weight",
          "kind": "number",
          "fallback": 1,
          "help": "factor on the loss"
        },
        {
          "name": "positiveWeights",
          "kind": "numbers",
          "fallback": [],
          "help": "factor on the positive term of each class; empty: 1"
        }
      ],
      "gives": []
    },
    "sigmoid-contrast": {
      "help": "Pairwise sigmoid contrast of two global features with learned scale and bias (SigLIP, Zhai et al. 2023)",
      "options": [
        {
          "name": "rows",
          "kind": "feature",
          "fallback": "image.global",
          "help": "features [B, D] of the row modality"
        },
        {
          "name": "columns",
          "kind": "feature",
          "fallback": "text.global",
          "help": "features [B, D] of the column modality"
        },
        {
          "name": "temperature",
          "kind": "number",
          "fallback": 0.1,
          "help": "initial temperature; the logit scale is its inverse"
        },
        {
          "name": "bias",
          "kind": "number",
          "fallback": -10,
          "help": "initial bias: most pairs are negatives"
        },
        {
          "name": "normalise",
          "kind": "flag",
          "fallback": true,
          "help": "scale both features to unit length first"
        },
        {
          "name": "exchange",
          "kind": "choice",
          "fallback": "gather",
          "help": "how several processes meet, as in global-contrast; a ring gives no accuracy",
          "choices": [
            "gather",
            "ring"
          ]
        }
      ],
      "gives": []
    },
    "word-region-contrast": {
      "help": "Contrast of words with the image regions they attend to, aggregated per image-text pair (GLoRIA, Huang et al. 2021)",
      "options": [
        {
          "name": "regions",
          "kind": "feature",
          "fallback": "image.patches",
          "help": "region features [B, N, D]"
        },
        {
          "name": "words",
          "kind": "feature",
          "fallback": "text.tokens",
          "help": "word features [B, T, D]"
        },
        {
          "name": "mask",
          "kind": "feature",
          "fallback": "text.mask",
          "help": "real words [B, T]"
        },
        {
          "name": "regionScale",
          "kind": "number",
          "fallback": 4,
          "help": "factor in the soft-max over regions (the authors' temp1)"
        },
        {
          "name": "wordScale",
          "kind": "number",
          "fallback": 5,
          "help": "factor in the log-sum-exp over words (temp2)"
        },
        {
          "name": "logitScale",
          "kind": "number",
          "fallback": 10,
          "help": "factor on the pair scores (temp3)"
        }
      ],
      "gives": []
    }
  },
  "optimisers": {
    "adam": {
      "help": "Adam (Kingma and Ba 2015); weight decay is added to the gradient; fused kernel",
      "options": [
        {
          "name": "beta1",
          "kind": "number",
          "fallback": 0.9,
          "help": "decay of the first moment"
        },
        {
          "name": "beta2",
          "kind": "number",
          "fallback": 0.999,
          "help": "decay of the second moment; CLIP's ViT runs use 0.98"
        },
        {
          "name": "epsilon",
          "kind": "number",
          "fallback": 1e-8,
          "help": "added to the root of the second moment; CLIP's ViT runs use 1e-6"
        }
      ],
      "gives": []
    },
    "adamw": {
      "help": "AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), fused kernel",
      "options": [
        {
          "name": "beta1",
          "kind": "number",
          "fallback": 0.9,
          "help": "decay of the first moment"
        },
        {
          "name": "beta2",
          "kind": "number",
          "fallback": 0.999,
          "help": "decay of the second moment; CLIP's ViT runs use 0.98"
        },
        {
          "name": "epsilon",
          "kind": "number",
          "fallback": 1e-8,
          "help": "added to the root of the second moment; CLIP's ViT runs use 1e-6"
        }
      ],
      "gives": []
    },
    "lamb": {
      "help": "LAMB (You et al. 2020): layer-wise trust ratio on Adam's direction, for large batches",
      "options": [
        {
          "name": "beta1",
          "kind": "number",
          "fallback": 0.9,
          "help": "decay of the first moment"
        },
        {
          "name": "beta2",
          "kind": "number",
          "fallback": 0.999,
          "help": "decay of the second moment"
        },
        {
          "name": "epsilon",
          "kind": "number",
          "fallback": 0.000001,
          "help": "added to the root of the second moment"
        },
        {
          "name": "maximumTrust",
          "kind": "number",
          "fallback": 10,
          "help": "largest trust ratio"
        }
      ],
      "gives": []
    },
    "sgd": {
      "help": "Stochastic gradient descent with optional (Nesterov) momentum; fused kernel",
      "options": [
        {
          "name": "momentum",
          "kind": "number",
          "fallback": 0.9,
          "help": "factor on the running gradient; 0 switches it off"
        },
        {
          "name": "nesterov",
          "kind": "flag",
          "fallback": false,
          "help": "look ahead along the momentum"
        }
      ],
      "gives": []
    }
  },
  "schedules": {
    "constant": {
      "help": "The full rate after an optional warm-up",
      "options": [
        {
          "name": "warmup",
          "kind": "integer",
          "fallback": 0,
          "help": "steps of linear warm-up from 0 to the full rate"
        }
      ],
      "gives": []
    },
    "cosine": {
      "help": "Linear warm-up, then half a cosine down to the floor (CLIP, open_clip)",
      "options": [
        {
          "name": "warmup",
          "kind": "integer",
          "fallback": 0,
          "help": "steps of linear warm-up from 0 to the full rate"
        },
        {
          "name": "floor",
          "kind": "number",
          "fallback": 0,
          "help": "factor that the decay ends at"
        }
      ],
      "gives": []
    },
    "epoch-cosine": {
      "help": "Half a cosine down to the floor that moves once an epoch; the first epoch climbs from the floor in stairs (MedKLIP)",
      "options": [
        {
          "name": "epochs",
          "kind": "integer",
          "fallback": null,
          "help": "epochs of the run: how often the rate moves"
        },
        {
          "name": "floor",
          "kind": "number",
          "fallback": 0,
          "help": "factor that the decay ends at"
        },
        {
          "name": "stairs",
          "kind": "integer",
          "fallback": 5,
          "help": "stairs of the climb"
        },
        {
          "name": "stairSteps",
          "kind": "integer",
          "fallback": 100,
          "help": "steps on each stair"
        }
      ],
      "gives": []
    },
    "plateau": {
      "help": "Multiplies the rate by `gamma` when the watched metric (optimise.watch) has not improved for `patience` evaluations",
      "options": [
        {
          "name": "warmup",
          "kind": "integer",
          "fallback": 0,
          "help": "steps of linear warm-up from 0 to the full rate"
        },
        {
          "name": "patience",
          "kind": "integer",
          "fallback": 10,
          "help": "evaluations without improvement before the rate falls"
        },
        {
          "name": "gamma",
          "kind": "number",
          "fallback": 0.1,
          "help": "factor at each fall"
        },
        {
          "name": "floor",
          "kind": "number",
          "fallback": 0,
          "help": "factor that the decay ends at"
        },
        {
          "name": "threshold",
          "kind": "number",
          "fallback": 0.0001,
          "help": "relative change that counts as improvement"
        },
        {
          "name": "mode",
          "kind": "choice",
          "fallback": "min",
          "help": "whether a smaller or a larger metric is better",
          "choices": [
            "min",
            "max"
          ]
        }
      ],
      "gives": []
    },
    "polynomial": {
      "help": "Linear warm-up, then (1 - progress)^power down to the floor; power 1 is linear decay",
      "options": [
        {
          "name": "warmup",
          "kind": "integer",
          "fallback": 0,
          "help": "steps of linear warm-up from 0 to the full rate"
        },
        {
          "name": "floor",
          "kind": "number",
          "fallback": 0,
          "help": "factor that the decay ends at"
        },
        {
          "name": "power",
          "kind": "number",
          "fallback": 1,
          "help": "exponent of the decay"
        }
      ],
      "gives": []
    },
    "steps": {
      "help": "Multiplies the rate by `gamma` at each of the given steps",
      "options": [
        {
          "name": "warmup",
          "kind": "integer",
          "fallback": 0,
          "help": "steps of linear warm-up from 0 to the full rate"
        },
        {
          "name": "at",
          "kind": "numbers",
          "fallback": [],
          "help": "optimiser steps at which the rate falls"
        },
        {
          "name": "gamma",
          "kind": "number",
          "fallback": 0.1,
          "help": "factor at each"
        }
      ],
      "gives": []
    }
  }
};
