import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { exportWeights } from '../../../src/checkpoint/export.js';
import { findFormat, formatNames, type SourceOption } from '../../../src/checkpoint/format.js';
import { importWeights } from '../../../src/checkpoint/import.js';
import { readMetadata } from '../../../src/checkpoint/metadata.js';
import { type StoredTensor, writeSafetensors } from '../../../src/checkpoint/safetensors.js';
import { openSource, type SourceOptions } from '../../../src/checkpoint/source.js';
import { openModel } from '../../../src/model/open.js';
import { addon } from '../../../src/native/addon.js';
import biovil from '../../../src/recipes/biovil.js';

const fixtures = fileURLToPath(new URL('../../fixtures/checkpoint/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gadolinium-import-'));

async function imported(format: string, from: string, to: string, options: SourceOptions = {}) {
  const source = openSource(from, options);
  try {
    const found = await findFormat(format);
    const [first] = Object.keys(found.sources) as SourceOption[];
    return importWeights(format, found, { [first as SourceOption]: source }, join(folder, to));
  } finally {
    source.close();
  }
}

/** A tensor of the given shape that counts up. */
function counting(...shape: number[]): StoredTensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  const bytes = Buffer.from(Float32Array.from({ length: count }, (_, i) => i).buffer);
  return { dtype: 'F32', shape, pieces: () => [bytes] };
}

/** A safetensors file of made-up tensors under somebody's names. */
function foreign(name: string, tensors: Record<string, StoredTensor>): string {
  const file = join(folder, name);
  writeSafetensors(file, new Map(Object.entries(tensors)), {});
  return file;
}

const norm = (name: string, width: number) => ({
  [`${name}.weight`]: counting(width),
  [`${name}.bias`]: counting(width),
});
const batchNorm = (name: string, width: number) => ({
  ...norm(name, width),
  [`${name}.running_mean`]: counting(width),
  [`${name}.running_var`]: counting(width),
});
const linear = (name: string, out: number, into: number) => ({
  [`${name}.weight`]: counting(out, into),
  [`${name}.bias`]: counting(out),
});

/** A ResNet-50 or what is left of it after `stages`, of width 2. */
function bottlenecks(stages: number, name: (ours: string) => string): Record<string, StoredTensor> {
  const ours: Record<string, StoredTensor> = { 'conv1.weight': counting(2, 3, 7, 7), ...batchNorm('bn1', 2) };
  let into = 2;
  for (const [stage, blocks] of [3, 4, 6, 3].slice(0, stages).entries()) {
    const planes = 2 << stage;
    for (let block = 0; block < blocks; block++) {
      const at = `layer${stage + 1}.${block}`;
      Object.assign(ours, {
        [`${at}.conv1.weight`]: counting(planes, into, 1, 1),
        ...batchNorm(`${at}.bn1`, planes),
        [`${at}.conv2.weight`]: counting(planes, planes, 3, 3),
        ...batchNorm(`${at}.bn2`, planes),
        [`${at}.conv3.weight`]: counting(4 * planes, planes, 1, 1),
        ...batchNorm(`${at}.bn3`, 4 * planes),
      });
      if (block === 0) {
        ours[`${at}.downsample.0.weight`] = counting(4 * planes, into, 1, 1);
        Object.assign(ours, batchNorm(`${at}.downsample.1`, 4 * planes));
      }
      into = 4 * planes;
    }
  }
  return Object.fromEntries(Object.entries(ours).map(([key, tensor]) => [name(key), tensor]));
}

function block(at: string, width: number): Record<string, StoredTensor> {
  return {
    ...norm(`${at}.ln_1`, width),
    [`${at}.attn.in_proj_weight`]: counting(3 * width, width),
    [`${at}.attn.in_proj_bias`]: counting(3 * width),
    ...linear(`${at}.attn.out_proj`, width, width),
    ...norm(`${at}.ln_2`, width),
    ...linear(`${at}.mlp.c_fc`, 4 * width, width),
    ...linear(`${at}.mlp.c_proj`, width, 4 * width),
  };
}

function bertTensors(prefix: string, width: number): Record<string, StoredTensor> {
  const layer = `${prefix}encoder.layer.0`;
  return {
    [`${prefix}embeddings.word_embeddings.weight`]: counting(11, width),
    [`${prefix}embeddings.position_embeddings.weight`]: counting(6, width),
    [`${prefix}embeddings.token_type_embeddings.weight`]: counting(2, width),
    ...norm(`${prefix}embeddings.LayerNorm`, width),
    ...linear(`${layer}.attention.self.query`, width, width),
    ...linear(`${layer}.attention.self.key`, width, width),
    ...linear(`${layer}.attention.self.value`, width, width),
    ...linear(`${layer}.attention.output.dense`, width, width),
    ...norm(`${layer}.attention.output.LayerNorm`, width),
    ...linear(`${layer}.intermediate.dense`, 2 * width, width),
    ...linear(`${layer}.output.dense`, width, 2 * width),
    ...norm(`${layer}.output.LayerNorm`, width),
  };
}

describe('import', () => {
  test('reads torchvision’s names, says what it read and keeps the classifier aside', async () => {
    const report = await imported('torchvision-resnet', join(fixtures, 'resnet.pth'), 'resnet.safetensors');
    expect(report.parts).toEqual({
      'encoders.image': {
        kind: 'resnet',
        options: { depth: 18, width: 4 },
        tensors: 122,
        assumed: [],
        optional: ['fc.'],
      },
    });
    const { tensors, metadata } = addon().readCheckpoint(join(folder, 'resnet.safetensors'), true);
    expect(tensors).toHaveLength(122);
    expect(metadata?.['xxh64']).toBe(report.hash);
    expect(JSON.parse(metadata?.['import'] as string)).toMatchObject({
      format: 'torchvision-resnet',
      source: 'resnet.pth',
      sha256: { 'resnet.pth': expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(readMetadata(join(folder, 'resnet.safetensors')).metadata).toMatchObject({
      data: null,
      reading: { pictures: { colour: 'rgb', side: 256, filter: 'bilinear' } },
      grains: ['image.global', 'image.patches'],
    });
  });

  test('reads an old BERT folder: its prefix, TensorFlow’s names, heads and constants', async () => {
    const report = await imported('huggingface-bert', join(fixtures, 'bert'), 'bert.safetensors');
    expect(report.parts['encoders.text']).toMatchObject({
      kind: 'bert',
      options: {
        vocabularySize: 15,
        width: 16,
        depth: 2,
        heads: 2,
        feedForward: 32,
        maxTokens: 24,
        layerNormEps: 1e-12,
      },
      assumed: ["padId: BERT's 0", "dropout: BERT's 0.1", "attentionDropout: BERT's 0.1"],
    });
    expect(report.parts['objectives.masked-language']?.tensors).toBe(5);
    expect(report.leftOut.map(({ name }) => name).sort()).toEqual([
      'bert.embeddings.position_ids',
      'cls.predictions.decoder.bias',
      'cls.predictions.decoder.weight',
      'cls.seq_relationship.bias',
      'cls.seq_relationship.weight',
    ]);
  });

  test('finds the model beside an optimiser, through DataParallel, and MedKLIP’s numbered children', async () => {
    const children: Record<string, string> = { conv1: '0', bn1: '1', layer1: '4', layer2: '5', layer3: '6' };
    const file = foreign('medklip.safetensors', {
      ...bottlenecks(3, (key) => `module.res_features.${key.replace(/^\w+/, (head) => children[head] as string)}`),
      ...linear('module.res_l1', 32, 32),
      ...linear('module.res_l2', 8, 32),
      ...linear('module.classifier', 2, 8),
      ...linear('module.cl_fc', 12, 8),
      ...linear('module.disease_embedding_layer', 8, 12),
      ...Object.assign(
        {},
        ...['self_attn', 'multihead_attn'].map((attention) => ({
          [`module.decoder.layers.0.${attention}.in_proj_weight`]: counting(24, 8),
          [`module.decoder.layers.0.${attention}.in_proj_bias`]: counting(24),
          ...linear(`module.decoder.layers.0.${attention}.out_proj`, 8, 8),
        })),
        ...['norm1', 'norm2', 'norm3'].map((one) => norm(`module.decoder.layers.0.${one}`, 8)),
      ),
      ...linear('module.decoder.layers.0.linear1', 16, 8),
      ...linear('module.decoder.layers.0.linear2', 8, 16),
      ...norm('module.decoder.norm', 8),
    });
    const report = await imported('medklip', file, 'medklip-ours.safetensors');
    expect(report.parts['encoders.image']).toMatchObject({ options: { depth: 50, stages: 3, width: 2 } });
    expect(report.parts['heads.image-projection']).toMatchObject({
      options: { inputWidth: 32, hiddenWidth: 32, outputWidth: 8, activation: 'relu', norm: 'none' },
    });
    expect(report.leftOut).toEqual([]);
    expect(report.parts).toMatchObject({
      'heads.entities': { kind: 'entity-decoder', options: { bookWidth: 12, width: 8, depth: 1, feedForward: 16 } },
      'heads.classifier': { options: { from: 'image.entities', inputWidth: 8, outputWidth: 2 } },
      'heads.cl_fc': { options: { outputWidth: 12 } },
    });
    // Back in the wrapping of the official file, every tensor where it was.
    const back = join(folder, 'medklip-back.pth');
    exportWeights('medklip', await findFormat('medklip'), 'from', join(folder, 'medklip-ours.safetensors'), back);
    const [first, second] = [openSource(file), openSource(back)];
    expect(second.entry).toBe('model');
    for (const [name, { shape, pieces }] of first.tensors) {
      const found = second.tensors.get(name);
      expect(found?.shape, name).toEqual(shape);
      expect(Buffer.concat([...(found?.pieces() ?? [])]).equals(Buffer.concat([...pieces()])), name).toBe(true);
    }
    first.close();
    second.close();
    // Files from before torch counted batches.
    expect(report.filled).toContain('encoders.image.layer3.5.bn3.num_batches_tracked');
  });

  test('makes linear layers of BioViL’s 1×1 convolutions', async () => {
    const file = foreign('biovil.safetensors', {
      ...bottlenecks(4, (key) => `encoder.encoder.${key}`),
      ...linear('encoder.encoder.fc', 5, 64),
      'projector.model.0.weight': counting(4, 64, 1, 1),
      ...batchNorm('projector.model.1', 4),
      'projector.model.3.weight': counting(4, 4, 1, 1),
      'projector.model.3.bias': counting(4),
    });
    const report = await imported('biovil', file, 'biovil-ours.safetensors');
    expect(report.parts['heads.projector']).toMatchObject({
      kind: 'mlp-projection',
      options: { inputWidth: 64, hiddenWidth: 4, outputWidth: 4, norm: 'batch', hiddenBias: false },
    });
    const { tensors } = addon().readCheckpoint(join(folder, 'biovil-ours.safetensors'), true);
    const shape = (name: string) => tensors.find((one) => one.name === `heads.projector.${name}`)?.shape;
    expect([shape('0.weight'), shape('1.running_var'), shape('3.weight')]).toEqual([[4, 64], [4], [4, 4]]);
    // The same file holds a plain ResNet.
    const plain = await imported('torchvision-resnet', file, 'plain.safetensors', { prefix: 'encoder.encoder.' });
    expect(plain.parts['encoders.image']?.options).toEqual({ depth: 50, width: 2 });
  });

  test('reads BioViL-T’s comparing encoder, opens it, and writes it back', async () => {
    const block = (at: string) => ({
      ...norm(`${at}.norm1`, 32),
      ...norm(`${at}.norm2`, 32),
      ...Object.fromEntries(['q', 'k', 'v'].map((one) => [`${at}.attn.proj_${one}.weight`, counting(32, 32)])),
      ...linear(`${at}.attn.proj`, 32, 32),
      ...linear(`${at}.mlp.fc1`, 32, 32),
      ...linear(`${at}.mlp.fc2`, 32, 32),
    });
    const theirs = {
      ...bottlenecks(4, (key) => `encoder.encoder.${key}`),
      ...linear('encoder.encoder.fc', 5, 64),
      'encoder.backbone_to_vit.weight': counting(32, 64, 1, 1),
      'encoder.missing_previous_emb': counting(1, 32, 1, 1),
      'encoder.vit_pooler.type_embed': counting(2, 1, 32),
      ...block('encoder.vit_pooler.blocks.0'),
      ...block('encoder.vit_pooler.blocks.1'),
      ...norm('encoder.vit_pooler.norm_post', 32),
      'projector.model.0.weight': counting(4, 64, 1, 1),
      ...batchNorm('projector.model.1', 4),
      'projector.model.3.weight': counting(4, 4, 1, 1),
      'projector.model.3.bias': counting(4),
    };
    const report = await imported('biovil-t', foreign('biovil-t.safetensors', theirs), 'biovil-t-ours.safetensors');
    expect(report.parts['encoders.image']).toMatchObject({
      kind: 'temporal-resnet',
      options: { backboneDepth: 50, backboneWidth: 2, width: 32, depth: 2, heads: 1 },
    });
    expect(report.grains).toContain('image.projected');
    const ours = join(folder, 'biovil-t-ours.safetensors');
    // Every option that the encoder has came from the file: it builds, and takes every tensor.
    const model = await openModel(ours, { device: 'cpu', threads: 1 });
    expect(model.features).toContain('image.global');
    await model.close();
    const back = join(folder, 'biovil-t-back.pt');
    exportWeights('biovil-t', await findFormat('biovil-t'), 'image', ours, back);
    const source = openSource(back);
    const counters = [...source.tensors.keys()].filter((name) => name.endsWith('num_batches_tracked'));
    expect([...source.tensors.keys()].sort()).toEqual([...Object.keys(theirs), ...counters].sort());
    for (const [name, { shape, pieces }] of Object.entries(theirs)) {
      const found = source.tensors.get(name);
      expect(found?.shape, name).toEqual(shape);
      expect(Buffer.concat([...(found?.pieces() ?? [])]).equals(Buffer.concat([...pieces()])), name).toBe(true);
    }
    source.close();
  });

  test('reads CXR-BERT with its projection, and the general model without', async () => {
    const head = {
      ...linear('cls_projection_head.dense_to_hidden', 4, 8),
      ...norm('cls_projection_head.LayerNorm', 4),
      ...linear('cls_projection_head.dense_to_output', 4, 4),
    };
    const special = await imported(
      'cxr-bert',
      foreign('s.safetensors', { ...bertTensors('bert.', 8), ...head }),
      's-ours',
    );
    expect(special.parts['heads.cls_projection_head']).toMatchObject({
      tensors: 6,
      options: { activation: 'gelu', norm: 'layer', normAfterActivation: true, inputWidth: 8, outputWidth: 4 },
    });
    const general = await imported('cxr-bert', foreign('g.safetensors', bertTensors('bert.', 8)), 'g-ours');
    expect(Object.keys(general.parts)).toEqual(['encoders.text']);
  });

  test('reads open_clip’s own towers, and timm’s and Hugging Face’s within it', async () => {
    const own = await imported(
      'open-clip',
      foreign('clip.safetensors', {
        'visual.class_embedding': counting(8),
        'visual.positional_embedding': counting(5, 8),
        'visual.conv1.weight': counting(8, 3, 4, 4),
        ...norm('visual.ln_pre', 8),
        ...block('visual.transformer.resblocks.0', 8),
        ...norm('visual.ln_post', 8),
        'visual.proj': counting(8, 6),
        'token_embedding.weight': counting(11, 8),
        positional_embedding: counting(7, 8),
        ...block('transformer.resblocks.0', 8),
        ...norm('ln_final', 8),
        text_projection: counting(8, 6),
        logit_scale: counting(),
      }),
      'clip-ours',
    );
    expect(own.parts).toMatchObject({
      'encoders.image': { kind: 'vit', options: { keys: 'open-clip', imageSize: 8, patchSize: 4, outputWidth: 6 } },
      'encoders.text': { kind: 'clip-text', options: { vocabularySize: 11, maxTokens: 7, outputWidth: 6 } },
    });
    expect(own.leftOut).toEqual([{ name: 'logit_scale', why: expect.any(String) }]);

    const at = 'visual.trunk.blocks.0';
    const biomed = await imported(
      'open-clip',
      foreign('biomed.safetensors', {
        'visual.trunk.cls_token': counting(1, 1, 8),
        'visual.trunk.pos_embed': counting(1, 5, 8),
        ...linear('visual.trunk.patch_embed.proj', 8, 3),
        'visual.trunk.patch_embed.proj.weight': counting(8, 3, 4, 4),
        ...norm(`${at}.norm1`, 8),
        ...linear(`${at}.attn.qkv`, 24, 8),
        ...linear(`${at}.attn.proj`, 8, 8),
        ...norm(`${at}.norm2`, 8),
        ...linear(`${at}.mlp.fc1`, 32, 8),
        ...linear(`${at}.mlp.fc2`, 8, 32),
        ...norm('visual.trunk.norm', 8),
        'visual.head.proj.weight': counting(6, 8),
        ...bertTensors('text.transformer.', 8),
        'text.proj.0.weight': counting(7, 8),
        'text.proj.2.weight': counting(6, 7),
      }),
      'biomed-ours',
    );
    expect(biomed.parts).toMatchObject({
      'encoders.image': { kind: 'vit', options: { keys: 'timm', imageSize: 8, patchSize: 4 } },
      'heads.image-projection': { kind: 'linear-projection', options: { inputWidth: 8, outputWidth: 6, bias: false } },
      'encoders.text': { kind: 'bert' },
      'heads.text-projection': { kind: 'mlp-projection', options: { hiddenWidth: 7, bias: false, hiddenBias: false } },
    });
  });

  test.each<[string, (tensors: Record<string, StoredTensor>) => void, RegExp]>([
    ['missing', (tensors) => delete tensors['layer2.1.conv2.weight'], /; missing: layer2\.1\.conv2\.weight/],
    ['left over', (tensors) => Object.assign(tensors, norm('extra', 2)), /; left over: extra\.weight, extra\.bias/],
    [
      'of another shape',
      (tensors) => Object.assign(tensors, { 'bn1.bias': counting(3) }),
      /bn1\.bias \(expected \[2\] but got \[3\]\)/,
    ],
    ['of no ResNet', (tensors) => delete tensors['conv1.weight'], /conv1\.weight of a ResNet but got nothing/],
  ])('names what is %s', async (what, change, sentence) => {
    const tensors = bottlenecks(4, (key) => key);
    change(tensors);
    const file = foreign(`${what}.safetensors`, tensors);
    await expect(imported('torchvision-resnet', file, `${what}-ours`)).rejects.toMatchObject({
      code: 'import-mismatch',
      message: expect.stringMatching(sentence),
    });
    expect(existsSync(join(folder, `${what}-ours`))).toBe(false);
  });

  test('refuses what it cannot read, in a sentence', async () => {
    await expect(imported('no-such', join(fixtures, 'resnet.pth'), 'x')).rejects.toMatchObject({
      code: 'usage',
      advice: expect.stringContaining('biovil, biovil-t, cxr-bert'),
    });
    expect(() => openSource(join(fixtures, 'absent.pt'))).toThrow(/absent/);
    expect(() => openSource(fixtures)).toThrow(/expected one of model\.safetensors, pytorch_model\.bin/);
    expect(() => openSource(join(fixtures, 'odd.pt'), { entry: 'model' })).toThrow(
      /several: state_dict \(18 tensors\)/,
    );
    expect(() => openSource(join(fixtures, 'resnet.pth'), { prefix: 'visual.' })).toThrow(
      /names begin with conv1, bn1/,
    );
    const cut = join(folder, 'cut.safetensors');
    writeFileSync(cut, readFileSync(foreign('whole.safetensors', linear('a', 2, 2))).subarray(0, -1));
    expect(() => openSource(cut)).toThrow(/it ends before a\.bias/);
  });

  test('a damaged weight of an imported file is found when it is read', async () => {
    await imported('torchvision-resnet', join(fixtures, 'resnet.pth'), 'flip.safetensors');
    const bytes = readFileSync(join(folder, 'flip.safetensors'));
    bytes[bytes.length - 9] = (bytes.at(-9) as number) ^ 1;
    writeFileSync(join(folder, 'flip.safetensors'), bytes);
    expect(() => addon().readCheckpoint(join(folder, 'flip.safetensors'), true)).toThrow(/the file is damaged/);
  });

  test('biovil has the prefixes of the recipe biovil', async () => {
    const { sources } = await findFormat('biovil');
    const pieces = Object.values(sources).flatMap((source) => source.pieces);
    const heads = biovil.heads?.map((part) => `heads.${part.name}`);
    const objectives = biovil.objectives.map((part) => `objectives.${part.name ?? part.objective}`);
    const known = [...Object.keys(biovil.encoders).map((one) => `encoders.${one}`), ...(heads ?? []), ...objectives];
    for (const { into } of pieces) expect(known).toContain(into);
  });

  test('every format has a title and a command that it is named in', async () => {
    for (const name of formatNames()) {
      const format = await findFormat(name);
      expect(format.example).toContain(`import ${name} --${Object.keys(format.sources)[0]} `);
      expect(format.title.length).toBeGreaterThan(10);
    }
  });
});
