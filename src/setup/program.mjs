// @ts-check
import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(130);
  });

/**
 * The first program of these names on PATH, as a full path.
 * @param {...string} names
 * @returns {string | undefined}
 */
export function findProgram(...names) {
  for (const name of names)
    for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
      const path = name.includes('/') ? name : join(folder || '.', name);
      try {
        accessSync(path, constants.X_OK);
        if (statSync(path).isFile()) return path;
      } catch {
        // not in this folder
      }
    }
  return undefined;
}

/**
 * Runs a program and gives its exit status and output; never throws for a failing program.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, onLine?: (line: string) => void }} [options]
 *   onLine gets every line of both streams as it comes.
 * @returns {Promise<{ status: number, stdout: string, output: string }>}
 *   status 127 where the program cannot be started; output holds both streams in the order of arrival.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let stdout = '';
    let output = '';
    let unfinished = '';
    const take = (/** @type {string} */ text) => {
      output += text;
      const lines = (unfinished + text).split(/\r?\n|\r/);
      unfinished = lines.pop() ?? '';
      for (const line of lines) options.onLine?.(line);
    };
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      take(text);
    });
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (error) => {
      running.delete(child);
      resolve({ status: 127, stdout, output: `${output}${error.message}\n` });
    });
    child.on('close', (status, signal) => {
      running.delete(child);
      if (unfinished) options.onLine?.(unfinished);
      resolve({ status: status ?? (signal ? 128 : 1), stdout, output });
    });
  });
}

/**
 * Runs a program that speaks to the user itself.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined> }} [options]
 * @returns {Promise<number>} exit status
 */
export function show(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, env: { ...process.env, ...options.env }, stdio: 'inherit' });
    running.add(child);
    child.on('error', () => resolve(127));
    child.on('close', (status) => {
      running.delete(child);
      resolve(status ?? 1);
    });
  });
}

/** @param {string} text @param {number} count @returns {string} */
export function lastLines(text, count) {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
