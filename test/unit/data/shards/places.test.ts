import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shardPlaces } from '../../../../src/data/shards/places.js';
import { openShards } from '../../../../src/data/shards/shards.js';
import { GadoliniumError } from '../../../../src/errors.js';

const fixtures = 'test/fixtures/data-path';
const whole = readFileSync(`${fixtures}/places.arrow`);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'places-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the bytes and reads them; gives the error's sentence, or undefined where they read. Any other exception fails. */
function refusal(bytes: Uint8Array, name = 'shard.arrow'): string | undefined {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  try {
    shardPlaces(path);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(GadoliniumError);
    expect((error as GadoliniumError).code).toBe('bad-shard');
    expect((error as Error).message).toContain(path);
    return (error as Error).message;
  }
}

describe('places of columns', () => {
  // The C++ tests read the values at these places: both sides hold the same fixture.
  test('of a file that pyarrow wrote', () => {
    expect(shardPlaces(`${fixtures}/places.arrow`)).toEqual(
      JSON.parse(readFileSync(`${fixtures}/places.json`, 'utf8')),
    );
  });

  test('a file cut at any fiftieth is refused by name', () => {
    for (let part = 0; part < 50; part++)
      expect(refusal(whole.subarray(0, Math.floor((whole.length * part) / 50)))).toBeDefined();
    expect(refusal(Buffer.from('not an arrow file at all, but long enough'))).toContain('closing mark');
  });

  test('flipped bytes are refused or read, nothing else', () => {
    let refused = 0;
    for (let at = 0; at < whole.length; at += 3) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= at % 2 ? 0xff : 1 << (at % 8);
      if (refusal(flipped)) refused++;
    }
    expect(refused).toBeGreaterThan(whole.length / 30);
  });

  test('shards without dataset.json are opened in the order of their names', () => {
    const shards = mkdtempSync(join(folder, 'shards-'));
    for (const name of ['shard-00001.arrow', 'shard-00000.arrow']) writeFileSync(join(shards, name), whole);
    const opened = openShards(shards);
    expect(opened.rows).toBe(14);
    expect([0, 6, 7, 13].map((row) => opened.shardOf(row))).toEqual([0, 0, 1, 1]);
    expect(opened.shard(1)).toMatchObject({ file: join(shards, 'shard-00001.arrow'), firstRow: 7 });
    expect(() => opened.shardOf(14)).toThrow(/expected a row below 14/);
  });
});
