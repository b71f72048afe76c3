// @ts-check
import { asFailure } from './failure.mjs';
import { say } from './progress.mjs';

/**
 * Runs the body of a script of this folder where the script was started itself, and ends in one sentence where it fails.
 * @param {ImportMeta} meta of the script
 * @param {(args: string[]) => Promise<number | void>} body gives the exit status
 */
export async function whenStarted(meta, body) {
  if (!process.argv[1] || meta.url !== new URL(`file://${process.argv[1]}`).href) return;
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    const failure = asFailure(error);
    say(`set-up stopped: ${failure.message}`);
    say(failure.remedy);
    process.exitCode = 1;
  }
}
