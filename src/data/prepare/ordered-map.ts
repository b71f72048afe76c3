/**
 * Works on several items at a time and gives the results in the order of the items. At most `width` are under way or waiting,
 * so memory stays bounded whatever the length of the source.
 */
export async function* orderedMap<In, Out>(
  source: AsyncIterable<In>,
  width: number,
  work: (item: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const waiting: Promise<Out>[] = [];
  try {
    for await (const item of source) {
      const result = work(item);
      // It is awaited below, maybe after another has failed.
      result.catch(() => {});
      waiting.push(result);
      if (waiting.length >= width) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
}
