import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MACHINE } from '../../../src/setup/libtorch-release.mjs';
import { fetchFromIndex } from '../../../src/setup/wheel-index.mjs';
import { bareMachine, failureOf } from './bare-machine.js';

const NAME = `torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_${MACHINE}.whl`;
const CONTENT = Buffer.alloc(300_000, 'wheel ');

/** An index with one wheel; the first `broken` requests for it end after a third. */
async function index(options: { broken?: number; sha256?: string; status?: number } = {}) {
  const ranges: (string | undefined)[] = [];
  let broken = options.broken ?? 0;
  const server = createServer((request, response) => {
    if (request.url === '/torch/') {
      const sha256 = options.sha256 ?? createHash('sha256').update(CONTENT).digest('hex');
      response.writeHead(options.status ?? 200).end(
        `<a href="/whl/${NAME.replace('2.13.0', '2.12.0')}#sha256=${'0'.repeat(64)}">older</a>
         <a href="/whl/${encodeURIComponent(NAME)}#sha256=${sha256}" data-x="y">${NAME}</a>`,
      );
      return;
    }
    const range = request.headers.range;
    ranges.push(range);
    const start = range ? Number(/bytes=(\d+)-/.exec(range)?.[1]) : 0;
    response.writeHead(range ? 206 : 200, { 'content-length': CONTENT.length - start });
    if (broken-- > 0)
      response.write(CONTENT.subarray(start, start + 100_000), () => setTimeout(() => response.destroy(), 50));
    else response.end(CONTENT.subarray(start));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/torch/`, ranges };
}

test('fetches the wheel of the wanted version', async () => {
  const { folder } = bareMachine();
  const { address } = await index();
  const wheel = await fetchFromIndex('2.13.0', folder, address);
  expect(wheel).toBe(join(folder, NAME));
  expect(readFileSync(wheel).equals(CONTENT)).toBe(true);
});

test('an interrupted fetch says so, and the next one goes on where it stopped', async () => {
  const { folder } = bareMachine();
  const { address, ranges } = await index({ broken: 1 });
  const failure = await failureOf(() => fetchFromIndex('2.13.0', folder, address));
  expect(failure.message).toMatch(/expected the whole of .* but the connection broke/);
  expect(failure.remedy).toMatch(/goes on where this one stopped/);
  const have = statSync(join(folder, `${NAME}.part`)).size;
  expect(have).toBeGreaterThan(0);
  const wheel = await fetchFromIndex('2.13.0', folder, address);
  expect(ranges).toEqual([undefined, `bytes=${have}-`]);
  expect(readFileSync(wheel).equals(CONTENT)).toBe(true);
});

test('a wrong checksum is told and the file removed', async () => {
  const { folder } = bareMachine();
  const { address } = await index({ sha256: 'ab'.repeat(32) });
  const failure = await failureOf(() => fetchFromIndex('2.13.0', folder, address));
  expect(failure.message).toMatch(/expected the checksum (ab)+ for .* but got [0-9a-f]{64}/);
  expect(existsSync(join(folder, `${NAME}.part`))).toBe(false);
  expect(existsSync(join(folder, NAME))).toBe(false);
});

test('an index without the version, or that is down, is told', async () => {
  const { folder } = bareMachine();
  const { address } = await index();
  expect((await failureOf(() => fetchFromIndex('9.9.9', folder, address))).message).toMatch(
    /torch 9\.9\.9 .* but got none in the list/,
  );
  const down = await index({ status: 503 });
  expect((await failureOf(() => fetchFromIndex('2.13.0', folder, down.address))).message).toMatch(
    /but got HTTP status 503/,
  );
});
