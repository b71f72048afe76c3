// @ts-check
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './progress.mjs';

/** A lock whose holder gave no sign of life for so long is taken over. The holder gives one every tenth of it. */
const STALE_MS = 60_000;

/**
 * Does the work while no other set-up on this cache does the same one. The lock is a folder: making one is atomic also on
 * the network file systems that home folders of clusters lie on.
 * @template T
 * @param {string} target what the work makes; the lock lies beside it
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function whileLocked(target, work) {
  const lock = `${target}.lock`;
  mkdirSync(dirname(lock), { recursive: true });
  let told = false;
  while (!take(lock)) {
    if (!told) say(`another set-up is making ${target}; waiting for it`);
    told = true;
    await sleep(250);
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimesSync(lock, now, now);
  }, STALE_MS / 10);
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    process.removeListener('exit', release);
    release();
  }
}

/** @param {string} lock @returns {boolean} */
function take(lock) {
  try {
    mkdirSync(lock);
    writeFileSync(join(lock, 'holder'), JSON.stringify({ host: hostname(), process: process.pid }));
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
  }
  if (isStale(lock)) {
    // Renaming decides who may delete: of two that find the same stale lock, one rename fails.
    const away = `${lock}.${process.pid}`;
    try {
      renameSync(lock, away);
      rmSync(away, { recursive: true, force: true });
    } catch {
      // the other one did
    }
  }
  return false;
}

/** @param {string} lock @returns {boolean} */
function isStale(lock) {
  const stat = statSync(lock, { throwIfNoEntry: false });
  if (!stat) return false;
  try {
    const holder = JSON.parse(readFileSync(join(lock, 'holder'), 'utf8'));
    if (holder.host === hostname()) {
      process.kill(holder.process, 0);
      return false;
    }
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH') return true;
  }
  return Date.now() - stat.mtimeMs > STALE_MS;
}
