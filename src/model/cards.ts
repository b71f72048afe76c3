import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ResolvedConfig } from '../config/schema.js';

type Precision = ResolvedConfig['train']['precision'];

/** What a maker says of a card. */
export interface Card {
  /** Floating-point operations a second, dense. fp32 is that of the vector units: libtorch keeps TF32 off for matrix products. */
  flops: Record<Precision, number>;
  /** Bytes, and bytes a second to them. */
  memory: number;
  memoryBandwidth: number;
  /** Bytes a second that a card sends to others of its machine. */
  linkBandwidth: number;
  /** How the driver names it. */
  name: RegExp;
  source: string;
}

const a100 = {
  flops: { fp32: 19.5e12, bf16: 312e12, fp16: 312e12 },
  linkBandwidth: 300e9,
  source: 'glennklockwood.com/garden/processors/A100, after the data sheet of the A100 and the white paper of Ampere',
};
const hopper = {
  flops: { fp32: 66.9e12, bf16: 989.4e12, fp16: 989.4e12 },
  linkBandwidth: 450e9,
  source: 'glennklockwood.com/garden/processors/h100, after the white paper of Hopper',
};

/** Cards whose figures have a source. Any other: `--peak-tflops` and `--memory-gib`. */
export const cards: Record<string, Card> = {
  'a100-40': { ...a100, memory: 40e9, memoryBandwidth: 1.555e12, name: /A100.*40GB/ },
  'a100-80': { ...a100, memory: 80e9, memoryBandwidth: 2.039e12, name: /A100.*80GB/ },
  h100: { ...hopper, memory: 80e9, memoryBandwidth: 3.35e12, name: /H100 80GB HBM3/ },
  h200: {
    ...hopper,
    memory: 141e9,
    memoryBandwidth: 4.8e12,
    name: /H200/,
    source: `${hopper.source}: of the H200 it says the same arithmetic; memory from lzwjava.github.io/nvidia-h200-gpu-specs-en`,
  },
};

/**
 * The peak that MFU is measured against, floating-point operations a second of one device: of a card what its maker says, 0 where
 * that is not known. A processor measures its own (native/profile/arithmetic_peak.h).
 */
export async function peakOf(device: string, precision: Precision): Promise<number> {
  if (!device.startsWith('cuda')) return 0;
  try {
    const query = ['--query-gpu=name', '--format=csv,noheader'];
    const { stdout } = await promisify(execFile)('nvidia-smi', query, { timeout: 5000 });
    const names = new Set(stdout.trim().split('\n'));
    // The driver's numbering need not be ours: where cards differ nobody can say which this is.
    if (names.size !== 1) return 0;
    return cardNamed([...names][0] as string)?.flops[precision] ?? 0;
  } catch {
    return 0;
  }
}

export function cardNamed(name: string): Card | undefined {
  return Object.values(cards).find((card) => card.name.test(name));
}
