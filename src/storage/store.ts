/** What is asked of an object store. One file beside this one is one kind of store. */
export interface ObjectStore {
  /** Bytes of an object. Throws `no-object` where there is none. */
  size(key: string): Promise<number>;
  /** A small object, whole. Throws `no-object` where there is none. */
  whole(key: string): Promise<Uint8Array>;
  /**
   * Bytes `from` to `to` (exclusive) of an object, as they come; ends after all of them or throws. Throws `other-size` where
   * the object has other than `bytes` in all.
   */
  range(key: string, from: number, to: number, bytes: number, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  close(): void;
}
