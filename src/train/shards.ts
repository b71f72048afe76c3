/** The shards that a run reads, brought to this machine before its first step: rows come in random order from all of them. */
import { setTimeout as pause } from 'node:timers/promises';
import type { ResolvedConfig } from '../config/schema.js';
import { splitsOfAll } from '../evaluate/splits.js';
import { beat } from '../launch/rank.js';
import type { World } from '../launch/world.js';
import type { Engine } from '../native/engine.js';
import type { DataSource } from '../storage/source.js';
import type { Say } from './news.js';

/**
 * Brings shards, together with the other processes of the machine: each is fetched once. Rank 0 tells how far its machine is.
 * Nobody goes on before all ranks of all machines have theirs, and nobody loses patience with those that have longer to go.
 */
export async function bringShards(
  source: DataSource,
  config: ResolvedConfig,
  {
    engine,
    world,
    patience,
    say,
    signal,
  }: { engine: Engine; world: World; patience: number; say: Say; signal: AbortSignal },
): Promise<void> {
  beat(0, 'fetching data');
  const bringing = source.bring({
    splits: splitsOfAll(config.evaluate, config.sampling.split),
    share: { index: world.localRank, of: world.localWorld },
    signal,
    onProgress:
      world.rank === 0
        ? (brought) => say({ type: 'data-fetch', source: source.name, folder: source.folder, ...brought })
        : undefined,
    onWarning: (code, message) => say({ type: 'warning', code, message }),
  });
  if (world.world === 1 || source.name === source.folder) return bringing;
  let here = false;
  const arrived = bringing.then(() => {
    here = true;
  });
  // Several such rounds fit into the time after which a rank that does not answer counts as lost.
  const round = Math.min(10_000, patience * 250);
  do {
    const over = new AbortController();
    try {
      await Promise.race([arrived, pause(round, undefined, { signal: over.signal })]);
    } finally {
      over.abort();
    }
  } while ((await engine.later<{ any: boolean }>('any', { mine: !here })).any);
}
