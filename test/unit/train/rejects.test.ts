import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Rejects } from '../../../src/train/rejects.js';

const reject = { type: 'reject', file: 'a.arrow', row: 3, field: 'image', reason: 'cut off' };

test('a reject that cannot be listed is said, whole, and ends nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gadolinium-'));
  try {
    const said: [string, string][] = [];
    const warn = (code: string, message: string) => said.push([code, message]);
    const listed = new Rejects(join(folder, 'rejects.jsonl'), { onError: 'skip', limit: 0.01 }, warn);
    const lost = new Rejects(join(folder, 'missing', 'rejects.jsonl'), { onError: 'skip', limit: 0.01 }, warn);
    expect(listed.take(reject, 1)).toBeUndefined();
    expect(said.map(([code]) => code)).toEqual(['sample-rejected']);
    const line = readFileSync(join(folder, 'rejects.jsonl'), 'utf8').trim();
    expect(lost.take(reject, 1)).toBeUndefined();
    expect(said.find(([code]) => code === 'reject-not-listed')?.[1]).toContain(line);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
