// A program of a bench that takes turns with others: one step for every line on its standard input, answered by a line of JSON.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** @param {{name: string, command: string[], environment?: Record<string, string>}} program */
export function startPlayer({ name, command, environment }) {
  // The same short waiting at barriers for all, as the addon sets it: with OpenMP's own, shared cores would slow down the peers most.
  const env = { GOMP_SPINCOUNT: '1000', ...process.env, ...environment };
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(signal ?? status));
  });
  child.stdin.on('error', () => {}); // told by `ended`
  const end = () => {
    child.stdin.end();
    return ended;
  };
  const step = async () => {
    child.stdin.write('\n');
    const { value, done } = await lines.next();
    if (done) throw new Error(`expected a step of ${name} but it ended: ${await ended}`);
    return JSON.parse(value);
  };
  return { name, steps: [], step, end };
}
