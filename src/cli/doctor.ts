import type { Argv } from 'yargs';
import { type Finding, inspectMachine } from '../setup/machine.js';

export const command = 'doctor';
export const describe = 'Say what this machine has for training, what is missing and what to do';

export const builder = (yargs: Argv) =>
  yargs
    .option('json', { type: 'boolean', default: false, describe: 'One line of JSON on standard output' })
    .example('$0 doctor', 'after set-up, or when something does not work');

/** Exit status 0 when training can run here, 1 when something that it needs is missing. */
export async function handler(argv: { json: boolean }): Promise<void> {
  const findings = await inspectMachine();
  const ready = findings.every((finding) => finding.state !== 'missing');
  process.stdout.write(
    argv.json ? `${JSON.stringify({ type: 'doctor', ready, findings })}\n` : asText(findings, ready),
  );
  process.exitCode = ready ? 0 : 1;
}

/** A line for each finding, the advice below it. */
export function asText(findings: Finding[], ready: boolean): string {
  const width = Math.max(...findings.map((finding) => finding.name.length));
  const lines = findings.flatMap(({ name, state, found, advice }) => [
    `${state.padEnd(7)}  ${name.padEnd(width)}  ${found}`,
    ...(advice ? [`${' '.repeat(width + 11)}→ ${advice}`] : []),
  ]);
  return `${lines.join('\n')}\n\n${ready ? 'Training can run here.' : 'Training cannot run here: see what is missing.'}\n`;
}
