import { type Architecture, countOf, linearTensors, normTensors, type Shapes, shapeOf } from './architecture.js';

/** Vision transformer (Dosovitskiy et al. 2021) under timm's names. */
export function timmVit(shapes: Shapes): Architecture {
  const [width, channels, patchSize] = shapeOf(shapes, 'patch_embed.proj.weight', 4, 'a ViT') as [
    number,
    number,
    number,
  ];
  const [, positions] = shapeOf(shapes, 'pos_embed', 3, 'a ViT') as [number, number];
  const [hidden] = shapeOf(shapes, 'blocks.0.mlp.fc1.weight', 2, 'a ViT') as [number];
  const classToken = shapes.has('cls_token');
  const mean = shapes.has('fc_norm.weight');
  const qkvBias = shapes.has('blocks.0.attn.qkv.bias');
  const scaled = shapes.has('blocks.0.ls1.gamma');
  const depth = countOf(shapes, 'blocks.');
  const side = sideOf(positions - (classToken ? 1 : 0));

  const tensors = new Map<string, readonly number[]>();
  if (classToken) tensors.set('cls_token', [1, 1, width]);
  tensors.set('pos_embed', [1, side * side + (classToken ? 1 : 0), width]);
  tensors.set('patch_embed.proj.weight', [width, channels, patchSize, patchSize]);
  tensors.set('patch_embed.proj.bias', [width]);
  for (let i = 0; i < depth; i++) {
    const at = `blocks.${i}`;
    normTensors(tensors, `${at}.norm1`, width);
    linearTensors(tensors, `${at}.attn.qkv`, 3 * width, width, qkvBias);
    linearTensors(tensors, `${at}.attn.proj`, width, width);
    normTensors(tensors, `${at}.norm2`, width);
    linearTensors(tensors, `${at}.mlp.fc1`, hidden, width);
    linearTensors(tensors, `${at}.mlp.fc2`, width, hidden);
    if (scaled) for (const scale of ['ls1', 'ls2']) tensors.set(`${at}.${scale}.gamma`, [width]);
  }
  normTensors(tensors, mean ? 'fc_norm' : 'norm', width);
  return {
    kind: 'vit',
    options: {
      keys: 'timm',
      ...visionOptions({ width, channels, patchSize, depth, hidden, side }),
      ...(mean ? { pool: 'mean' } : {}),
      ...(classToken ? {} : { classToken: false }),
      ...(qkvBias ? {} : { qkvBias: false }),
      ...(scaled ? { layerScale: 1e-5 } : {}),
    },
    tensors,
    optional: ['head.'],
    assumed: headsAssumed,
  };
}

/** open_clip's image transformer, below `visual.` */
export function openClipVit(shapes: Shapes): Architecture {
  const [width, channels, patchSize] = shapeOf(shapes, 'conv1.weight', 4, 'a ViT') as [number, number, number];
  const [positions] = shapeOf(shapes, 'positional_embedding', 2, 'a ViT') as [number];
  const [hidden] = shapeOf(shapes, 'transformer.resblocks.0.mlp.c_fc.weight', 2, 'a ViT') as [number];
  const [, outputWidth = 0] = shapes.get('proj') ?? [];
  const depth = countOf(shapes, 'transformer.resblocks.');
  const side = sideOf(positions - 1);

  const tensors = new Map<string, readonly number[]>();
  tensors.set('class_embedding', [width]);
  tensors.set('positional_embedding', [side * side + 1, width]);
  tensors.set('conv1.weight', [width, channels, patchSize, patchSize]);
  normTensors(tensors, 'ln_pre', width);
  const scaled = openClipBlocks(tensors, shapes, depth, width, hidden);
  normTensors(tensors, 'ln_post', width);
  if (outputWidth) tensors.set('proj', [width, outputWidth]);
  return {
    kind: 'vit',
    options: {
      keys: 'open-clip',
      ...visionOptions({ width, channels, patchSize, depth, hidden, side }),
      outputWidth,
      ...(scaled ? { layerScale: 1e-5 } : {}),
    },
    tensors,
    optional: [],
    assumed: [...headsAssumed, ...activationAssumed],
  };
}

/** open_clip's own text transformer. */
export function clipText(shapes: Shapes): Architecture {
  const what = "CLIP's text tower";
  const [vocabularySize, width] = shapeOf(shapes, 'token_embedding.weight', 2, what) as [number, number];
  const [maxTokens] = shapeOf(shapes, 'positional_embedding', 2, what) as [number];
  const [hidden] = shapeOf(shapes, 'transformer.resblocks.0.mlp.c_fc.weight', 2, what) as [number];
  const [, outputWidth = 0] = shapes.get('text_projection') ?? [];
  const depth = countOf(shapes, 'transformer.resblocks.');

  const tensors = new Map<string, readonly number[]>();
  tensors.set('token_embedding.weight', [vocabularySize, width]);
  tensors.set('positional_embedding', [maxTokens, width]);
  openClipBlocks(tensors, shapes, depth, width, hidden);
  normTensors(tensors, 'ln_final', width);
  if (outputWidth) tensors.set('text_projection', [width, outputWidth]);
  return {
    kind: 'clip-text',
    options: {
      vocabularySize,
      maxTokens,
      width,
      depth,
      heads: Math.max(1, Math.floor(width / 64)),
      ...(hidden === 4 * width ? {} : { mlpRatio: hidden / width }),
      outputWidth,
    },
    tensors,
    optional: [],
    assumed: [...headsAssumed, ...activationAssumed],
  };
}

const headsAssumed = ['heads: one for 64 channels'];
const activationAssumed = ["activation: gelu; OpenAI's own weights need quick-gelu"];

function openClipBlocks(
  tensors: Map<string, readonly number[]>,
  shapes: Shapes,
  depth: number,
  width: number,
  hidden: number,
): boolean {
  const scaled = shapes.has('transformer.resblocks.0.ls_1.gamma');
  for (let i = 0; i < depth; i++) {
    const at = `transformer.resblocks.${i}`;
    normTensors(tensors, `${at}.ln_1`, width);
    tensors.set(`${at}.attn.in_proj_weight`, [3 * width, width]);
    tensors.set(`${at}.attn.in_proj_bias`, [3 * width]);
    linearTensors(tensors, `${at}.attn.out_proj`, width, width);
    normTensors(tensors, `${at}.ln_2`, width);
    linearTensors(tensors, `${at}.mlp.c_fc`, hidden, width);
    linearTensors(tensors, `${at}.mlp.c_proj`, width, hidden);
    if (scaled) for (const scale of ['ls_1', 'ls_2']) tensors.set(`${at}.${scale}.gamma`, [width]);
  }
  return scaled;
}

function visionOptions(of: {
  width: number;
  channels: number;
  patchSize: number;
  depth: number;
  hidden: number;
  side: number;
}) {
  return {
    imageSize: of.side * of.patchSize,
    patchSize: of.patchSize,
    ...(of.channels === 3 ? {} : { inputChannels: of.channels }),
    width: of.width,
    depth: of.depth,
    heads: Math.max(1, Math.floor(of.width / 64)),
    ...(of.hidden === 4 * of.width ? {} : { mlpRatio: of.hidden / of.width }),
  };
}

/** Positions lie on a square; where they do not, the shapes that are then expected say so. */
const sideOf = (positions: number) => Math.round(Math.sqrt(Math.max(positions, 0)));
