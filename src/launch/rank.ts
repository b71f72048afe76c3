import { GadoliniumError } from '../errors.js';
import type { EventListener, RunFinished } from '../events/types.js';
import type { Beat, LauncherMessage, Place, RankMessage } from './messages.js';
import type { World } from './world.js';

// The side of a rank that `launchLocal` started. A process is one rank, so this file has one state; under any other launcher,
// and in a process that is alone, there is nobody to tell and everything here but `rendezvous` does nothing.

const beatMilliseconds = 1000;
/** A new place is told at once, but not more often than this: a lost rank's is then never much older. */
const placeMilliseconds = 50;

let joined = false;
let place: Place = { step: 0, phase: 'start' };
let said = Number.NEGATIVE_INFINITY;
let soon: NodeJS.Timeout | undefined;

/**
 * Connects this process with the launcher: it beats once a second from now on, and ends when the launcher does. To be called
 * once, early; keeps no process alive.
 */
export function joinLauncher({ launcher }: Pick<World, 'launcher'>): void {
  if (launcher !== 'local' || joined || !process.channel) return;
  joined = true;
  // With SIGKILL, since nothing may hold it up: a thread that waits for other ranks would. Whole checkpoints are on disk.
  const end = () => process.kill(process.pid, 'SIGKILL');
  if (!process.connected) end();
  process.on('disconnect', end);
  // The listener above would keep the process from ending by itself.
  process.channel.unref();
  setInterval(sayBeat, beatMilliseconds).unref();
  sayBeat();
}

/** Where this rank is: the last whole step, and a word for what it does now. Cheap; may be said as often as it changes. */
export function beat(step: number, phase: string): void {
  if (step === place.step && phase === place.phase) return;
  place = { step, phase };
  const since = Date.now() - said;
  if (since >= placeMilliseconds) sayBeat();
  else soon ??= setTimeout(sayBeat, placeMilliseconds - since).unref();
}

/** To be said by rank 0 when the run's folder has become this run's, so that the launcher may write there and may restart. */
export function begun(): void {
  tell({ type: 'begun' });
}

/**
 * Last words before this rank ends with an error. The launcher takes the earliest of all ranks' for the cause. `finished`: what rank 0
 * has to say of the run's end, for the launcher to say where it is one.
 */
export function failed(error: unknown, finished?: RunFinished): void {
  const { code, message } = error as Partial<GadoliniumError>;
  tell({
    type: 'failed',
    code: code ?? 'failed',
    message: message ?? String(error),
    time: Date.now(),
    ...place,
    ...(finished ? { finished } : {}),
  });
}

/** Tells the launcher of the run's beginning and of its steps, as events say them. */
export function toLauncher(): EventListener {
  return {
    name: 'launcher',
    on(event) {
      if (event.type === 'run-started') {
        begun();
        beat(event.from, 'training');
      } else if (event.type === 'step') beat(event.step, place.phase);
    },
  };
}

/**
 * The port at which all ranks meet. `bind` makes rank 0's store listen, at `world.port` or where that is 0 at any free port,
 * and gives the port; it is not called where the launcher serves the store (`world.served`).
 *
 * Throws `rendezvous-timeout` where rank 0 does not say its port within `seconds`.
 */
export async function rendezvous(world: World, bind: () => Promise<number>, seconds = 300): Promise<number> {
  if (world.rank === 0 && !world.served) {
    const port = await bind();
    tell({ type: 'port', port });
    return port;
  }
  return world.port || portOfRank0(seconds);
}

function portOfRank0(seconds: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      process.off('message', listen);
      reject(
        GadoliniumError.expected(
          'rendezvous-timeout',
          `word of rank 0 within ${seconds} s`,
          'the port to meet at',
          undefined,
          'see what rank 0 said last: it has not come to its process group',
        ),
      );
    }, seconds * 1000);
    const listen = (message: unknown) => {
      const { type, port } = message as LauncherMessage;
      if (type !== 'port') return;
      clearTimeout(timer);
      process.off('message', listen);
      resolve(port);
    };
    process.on('message', listen);
  });
}

function sayBeat(): void {
  clearTimeout(soon);
  soon = undefined;
  said = Date.now();
  tell({ type: 'beat', ...place } satisfies Beat);
}

function tell(message: RankMessage): void {
  if (!joined || !process.connected) return;
  // An error means that the launcher is going; 'disconnect' follows.
  process.send?.(message, undefined, undefined, () => {});
}
