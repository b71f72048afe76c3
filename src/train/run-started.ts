import { startingParts } from '../config/initial-weights.js';
import type { ResolvedConfig } from '../config/schema.js';
import type { RunStarted } from '../events/types.js';
import type { Machine } from '../model/machine.js';
import { addon } from '../native/addon.js';
import type { Engine } from '../native/engine.js';
import { VERSION } from '../package.js';

type Facts = Pick<RunStarted, 'run' | 'steps' | 'from' | 'resumed' | 'world' | 'data'>;

/** The first event of a run: what is trained, on what, with which negatives. */
export async function runStarted(
  engine: Engine,
  config: ResolvedConfig,
  machine: Machine,
  facts: Facts,
): Promise<Omit<RunStarted, 'time' | 'rank'>> {
  const { optimiserBytes, ...parameters } = await engine.later<
    RunStarted['parameters'] & Pick<RunStarted, 'optimiserBytes'>
  >('parameters');
  const initial = startingParts(config).flatMap(({ into, part: { init } }) =>
    typeof init === 'object' ? [{ part: into, ...init }] : [],
  );
  const { batch, accumulate, precision } = config.train;
  return {
    type: 'run-started',
    recipe: config.recipe,
    ...facts,
    ...(initial.length ? { initial } : {}),
    negatives: howNegativesForm(config, facts.world),
    device: machine.device,
    threads: machine.threads,
    precision,
    batch,
    accumulate,
    parameters,
    optimiserBytes,
    versions: { gadolinium: VERSION, libtorch: addon().libtorch, node: process.versions.node },
  };
}

function howNegativesForm({ train: { batch, accumulate, negatives } }: ResolvedConfig, world: number): string {
  const formed = {
    global: `global batch of ${batch} over ${world} processes, exact gradient`,
    local: `local batches of ${batch / world} in each of ${world} processes, as in released code; not what one process computes`,
    'global-local-gradient': `global batch of ${batch} over ${world} processes, towers with 1/${world} of the gradient, as in released code`,
  };
  const cached = accumulate > 1 ? `, in ${accumulate} pieces a tower with all negatives kept (gradient caching)` : '';
  return `${world === 1 ? `global batch of ${batch} in one process, exact gradient` : formed[negatives]}${cached}`;
}
