import {
  checkCounts,
  type Environment,
  firstSet,
  neededNumber,
  neededText,
  numberIn,
  textIn,
  wrong,
} from './environment.js';
import type { World } from './world.js';

/**
 * A pod of a PyTorchJob (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) or of a TrainJob (PET_NODE_RANK, PET_NNODES,
 * PET_MASTER_ADDR, PET_MASTER_PORT), one process a pod; or nothing outside of such a pod. Pods with several processes need
 * torchrun, which reads the same variables.
 */
export function worldOfKubernetes(env: Environment): World | undefined {
  const pod = firstSet(env, ['KUBERNETES_SERVICE_HOST', 'PET_NNODES', 'PET_NODE_RANK']);
  const sign = firstSet(env, ['RANK', 'WORLD_SIZE', 'PET_NNODES', 'PET_NODE_RANK']);
  if (!pod || !sign) return undefined;
  const perPod = textIn(env, 'PET_NPROC_PER_NODE');
  if (perPod && /^\d+$/.test(perPod) && Number(perPod) > 1) {
    throw wrong(
      'PET_NPROC_PER_NODE',
      '1 for a process that is alone in its pod',
      perPod,
      'start `torchrun --no-python gadolinium train …` in the pod, or ask for one process a pod',
    );
  }
  const name = (plain: string, pet: string) => firstSet(env, [plain, pet]) ?? plain;
  const why = `${sign} is set`;
  const rankName = name('RANK', 'PET_NODE_RANK');
  const worldName = name('WORLD_SIZE', 'PET_NNODES');
  const rank = neededNumber(env, rankName, why);
  const world = neededNumber(env, worldName, why, 1);
  const localRank = numberIn(env, 'LOCAL_RANK') ?? 0;
  const localWorld = numberIn(env, 'LOCAL_WORLD_SIZE', 1) ?? localRank + 1;
  checkCounts({
    rank: [rankName, rank],
    world: [worldName, world],
    localRank: ['LOCAL_RANK', localRank],
    localWorld: ['LOCAL_WORLD_SIZE', localWorld],
  });
  return {
    rank,
    world,
    localRank,
    localWorld,
    address: world > 1 ? neededText(env, name('MASTER_ADDR', 'PET_MASTER_ADDR'), why) : '127.0.0.1',
    port: world > 1 ? neededNumber(env, name('MASTER_PORT', 'PET_MASTER_PORT'), why, 1, 65_535) : 0,
    served: false,
    launcher: 'kubernetes',
    restart: 0,
  };
}
