// @ts-check
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SetupFailure } from './failure.mjs';
import { begin } from './progress.mjs';

/**
 * Fetches a file. What an interrupted fetch left (`<file>.part`) is carried on, and nothing is called whole before its
 * checksum is right.
 * @param {string} url
 * @param {string} file
 * @param {string} sha256 hexadecimal
 * @param {string} name what the user sees
 */
export async function download(url, file, sha256, name) {
  const part = `${file}.part`;
  const step = begin(`fetching ${name}`, { unit: 'bytes' });
  try {
    let have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
    const response = await get(url, have > 0 ? { range: `bytes=${have}-` } : {});
    if (response.status === 200) have = 0;
    else if (response.status !== 206 && response.status !== 416)
      throw new SetupFailure(
        `expected ${url} to give a file but got HTTP status ${response.status}`,
        'Try again later, or fetch it by hand.',
      );
    if (response.status !== 416 && response.body) {
      const total = have + Number(response.headers.get('content-length') ?? 0);
      let done = have;
      const body = Readable.fromWeb(/** @type {import('node:stream/web').ReadableStream} */ (response.body));
      body.on('data', (chunk) => {
        done += chunk.length;
        step.update(done, total);
      });
      try {
        await pipeline(body, createWriteStream(part, { flags: have > 0 ? 'a' : 'w' }));
      } catch (error) {
        if (isDiskError(error)) throw error;
        throw new SetupFailure(
          `expected the whole of ${url} but the connection broke`,
          'Run the same command again: it goes on where this one stopped.',
        );
      }
    }
    const hash = createHash('sha256');
    await pipeline(createReadStream(part), hash);
    const got = hash.digest('hex');
    if (got !== sha256) {
      rmSync(part, { force: true });
      throw new SetupFailure(
        `expected the checksum ${sha256} for ${url} but got ${got}`,
        'The file was removed. Run the same command again; if it happens twice, something between here and the server changes files.',
      );
    }
    renameSync(part, file);
    step.done('fetched');
  } catch (error) {
    step.failed();
    throw error;
  }
}

/** @param {string} url @param {Record<string, string>} [headers] @returns {Promise<Response>} */
export async function get(url, headers = {}) {
  try {
    return await fetch(url, { headers });
  } catch (error) {
    const cause = /** @type {{ cause?: { code?: string } }} */ (error).cause?.code ?? 'no answer';
    throw new SetupFailure(
      `expected ${new URL(url).host} to answer but got ${cause}`,
      'Check the network (a proxy is used where pip is found), and run the same command again.',
    );
  }
}

/** @param {unknown} error */
const isDiskError = (error) =>
  ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'].includes(/** @type {NodeJS.ErrnoException} */ (error).code ?? '');
