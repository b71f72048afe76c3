/** What evaluation tasks need of a model: features of rows, nothing about how they are computed. */
export interface Embedder {
  /**
   * Features of the given rows in evaluation mode, in the order of `rows`.
   * `features` are names as in recipes (`image.global`, `text.global`, or a head's output); each comes back as a matrix
   * [rows.length, width], row-major, and `present` [rows.length] (1 where the sample has every asked modality).
   */
  embed(request: { data: EmbedSource; rows: Uint32Array; features: string[] }): Promise<Embedded>;
  /**
   * Ranks of the partners, streaming over tiles: never an N×M matrix. For query i, counts the candidates that score higher
   * than the best candidate of the same group (ties count as higher by index order), so rank 0 = found first.
   * queries [N, D], candidates [M, D], scores by inner product; groups: equal numbers are partners.
   */
  ranks(request: {
    queries: FeatureMatrix;
    candidates: FeatureMatrix;
    queryGroups: Int32Array;
    candidateGroups: Int32Array;
  }): Promise<Int32Array>;
}

export interface FeatureMatrix {
  data: Float32Array;
  rows: number;
  width: number;
  /** Extents of one row where it is more than one vector: [patches, width], [queries, patches] … Their product is `width`. */
  shape?: readonly number[];
}

export interface Embedded {
  features: Record<string, FeatureMatrix>;
  present: Uint8Array;
}

/** The data folder of the run, or texts / image files given at hand (prompts of zero-shot, `embed --images`). */
export type EmbedSource =
  | { kind: 'rows'; data: string }
  | { kind: 'texts'; texts: string[]; modality: string }
  | { kind: 'images'; files: string[]; modality: string };
