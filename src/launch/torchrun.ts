import { checkCounts, type Environment, neededNumber, neededText, numberIn, textIn } from './environment.js';
import type { World } from './world.js';

/**
 * `torchrun --no-python gadolinium train … -r DIR`: with `--run DIR`, Python up to 3.11 needs `--` before `gadolinium`, since its argparse looks at all
 * words before it knows which are torchrun's, and `--run` could be short for --run-path or --run_path there. Its agent mostly serves the store itself (TORCHELASTIC_USE_AGENT_STORE); with
 * --rdzv-backend=static and an old torchrun, rank 0 does.
 */
export function worldOfTorchrun(env: Environment): World {
  const why = 'the variables of torchrun are set';
  const rank = neededNumber(env, 'RANK', why);
  const world = neededNumber(env, 'WORLD_SIZE', why, 1);
  const localRank = neededNumber(env, 'LOCAL_RANK', why);
  const localWorld = neededNumber(env, 'LOCAL_WORLD_SIZE', why, 1);
  checkCounts({
    rank: ['RANK', rank],
    world: ['WORLD_SIZE', world],
    localRank: ['LOCAL_RANK', localRank],
    localWorld: ['LOCAL_WORLD_SIZE', localWorld],
  });
  return {
    rank,
    world,
    localRank,
    localWorld,
    address: neededText(env, 'MASTER_ADDR', why),
    port: neededNumber(env, 'MASTER_PORT', why, 1, 65_535),
    served: textIn(env, 'TORCHELASTIC_USE_AGENT_STORE') === 'True',
    launcher: 'torchrun',
    restart: numberIn(env, 'TORCHELASTIC_RESTART_COUNT') ?? 0,
  };
}
