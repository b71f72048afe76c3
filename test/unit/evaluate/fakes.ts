import type { Embedded, Embedder, EmbedSource, FeatureMatrix } from '../../../src/evaluate/embedder.js';
import type { PromptSet } from '../../../src/evaluate/prompts.js';
import type {
  EvaluationRows,
  ImageSize,
  StoredImage,
  StoredRegion,
  StoredText,
  Vocabulary,
} from '../../../src/evaluate/rows.js';
import { LABEL_STATE } from '../../../src/evaluate/rows.js';

/** One sample of a made-up data set: its place in the plane and what is known of it. */
export interface FakeSample {
  split?: string;
  patient?: string;
  image?: number[] | null;
  text?: number[] | null;
  words?: string[];
  /** By vocabulary: the class, or states by finding. */
  labels?: Record<string, string | Record<string, keyof typeof LABEL_STATE>>;
  picture?: StoredImage;
  regions?: StoredRegion[];
  sizes?: ImageSize[];
}

/** A data set in memory with the vectors that a model would give. */
export class FakeRows implements EvaluationRows {
  readonly name = 'fake';
  constructor(
    readonly samples: FakeSample[],
    readonly vocabularies: Vocabulary[] = [],
    readonly promptSets: PromptSet[] = [],
  ) {}

  get splits(): string[] {
    return [...new Set(this.samples.map((s) => s.split ?? 'test'))];
  }
  get count(): number {
    return this.samples.length;
  }
  ofSplit(split: string): Uint32Array {
    return Uint32Array.from(this.samples.flatMap((s, i) => ((s.split ?? 'test') === split ? [i] : [])));
  }
  sampleIds(rows: Uint32Array): string[] {
    return Array.from(rows, (row) => `sample-${row}`);
  }
  patients(rows: Uint32Array): (string | null)[] {
    return Array.from(rows, (row) => this.samples[row]!.patient ?? null);
  }
  labels(vocab: string, rows: Uint32Array) {
    const vocabulary = this.vocabularies.find((one) => one.vocab === vocab)!;
    const states = Array.from(rows, (row) => {
      const given = this.samples[row]!.labels?.[vocab];
      return vocabulary.names.map((name) => {
        if (given === undefined) return LABEL_STATE.missing;
        if (typeof given === 'string') return given === name ? LABEL_STATE.positive : LABEL_STATE.negative;
        return LABEL_STATE[given[name] ?? 'missing'];
      });
    });
    return { vocabulary, states: Int8Array.from(states.flat()) };
  }
  texts(rows: Uint32Array): StoredText[][] {
    return Array.from(rows, (row) => (this.samples[row]!.words ?? []).map((body) => ({ kind: 'caption', body })));
  }
  image(row: number): StoredImage | undefined {
    return this.samples[row]!.picture;
  }
  regions(rows: Uint32Array): StoredRegion[][] {
    return Array.from(rows, (row) => this.samples[row]!.regions ?? []);
  }
  imageSizes(rows: Uint32Array): ImageSize[][] {
    return Array.from(rows, (row) => this.samples[row]!.sizes ?? []);
  }
  close(): void {}
}

/** Gives each row the vectors of its sample, and each text the vector of a table. */
export class FakeEmbedder implements Embedder {
  readonly asked: { kind: EmbedSource['kind']; count: number; features: string[] }[] = [];
  constructor(
    private readonly rows: FakeRows,
    private readonly prompts: Record<string, number[]> = {},
  ) {}

  async embed({
    data,
    rows,
    features,
  }: {
    data: EmbedSource;
    rows: Uint32Array;
    features: string[];
  }): Promise<Embedded> {
    this.asked.push({ kind: data.kind, count: rows.length, features });
    const present = new Uint8Array(rows.length).fill(1);
    const result: Record<string, FeatureMatrix> = {};
    for (const feature of features) {
      const modality = feature.split('.')[0] as 'image' | 'text';
      const vectors = Array.from(rows, (row, i) => {
        const vector =
          data.kind === 'rows'
            ? this.rows.samples[row]![modality]
            : data.kind === 'texts'
              ? this.prompts[data.texts[row]!]
              : undefined;
        if (!vector) present[i] = 0;
        return vector;
      });
      const width = vectors.find((v) => v)?.length ?? 1;
      const data_ = Float32Array.from(vectors.flatMap((v) => v ?? Array<number>(width).fill(0)));
      result[feature] = { data: data_, rows: rows.length, width };
    }
    return { features: result, present };
  }

  /** By the contract's words, pair by pair. */
  async ranks({
    queries,
    candidates,
    queryGroups,
    candidateGroups,
  }: Parameters<Embedder['ranks']>[0]): Promise<Int32Array> {
    const score = (q: number, c: number) => {
      let sum = 0;
      for (let d = 0; d < queries.width; d++)
        sum += queries.data[q * queries.width + d]! * candidates.data[c * candidates.width + d]!;
      return sum;
    };
    return Int32Array.from({ length: queries.rows }, (_, q) => {
      let best = -1;
      for (let c = 0; c < candidates.rows; c++) {
        if (candidateGroups[c] === queryGroups[q] && (best < 0 || score(q, c) > score(q, best))) best = c;
      }
      let higher = 0;
      for (let c = 0; c < candidates.rows; c++) {
        if (score(q, c) > score(q, best) || (score(q, c) === score(q, best) && c < best)) higher++;
      }
      return higher;
    });
  }
}

/** A point on the unit circle. */
export function at(degrees: number, length = 1): number[] {
  return [length * Math.cos((degrees * Math.PI) / 180), length * Math.sin((degrees * Math.PI) / 180)];
}
