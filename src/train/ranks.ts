import type { CheckpointPosition } from '../checkpoint/metadata.js';
import type { ResolvedConfig } from '../config/schema.js';
import { rendezvous } from '../launch/rank.js';
import type { World } from '../launch/world.js';
import type { Engine } from '../native/engine.js';

/** Where a run goes on: the place within the run, and the checkpoint that says so. */
export type RestoredPosition = CheckpointPosition & { file: string };

/** Meets the other ranks. Throws `rank-lost` where they do not come within `timeout` seconds. */
export async function joinRanks(engine: Engine, config: ResolvedConfig, world: World, timeout: number): Promise<void> {
  const listen = async () => (await engine.later<{ port: number }>('listen', { port: world.port, timeout })).port;
  const port = await rendezvous(world, listen, timeout);
  await engine.later('join', {
    rank: world.rank,
    world: world.world,
    address: world.address,
    port,
    restart: world.restart,
    timeout,
    gradientCompression: config.train.gradientCompression,
    negatives: config.train.negatives,
  });
}

/** Rank 0 says where the run begins, with its weights, so that no other rank needs the checkpoints or can see other ones. */
export async function sharePosition(
  engine: Engine,
  position: RestoredPosition | undefined,
): Promise<RestoredPosition | undefined> {
  const shared = await engine.later<{ position: RestoredPosition | null }>('share', { position: position ?? null });
  return shared.position ?? undefined;
}
