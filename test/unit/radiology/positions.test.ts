import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { POSITIONS } from '../../../src/config/chest-x-ray-terms.js';
import { positionOf } from '../../../src/radiology/positions.js';

const official = JSON.parse(
  readFileSync(new URL('../../fixtures/reports/positions.json', import.meta.url), 'utf8'),
) as Record<string, string>;

test('there are 51 positions in the order of the labels', () => {
  expect(POSITIONS).toHaveLength(51);
  const places = {
    trachea: 0,
    pleural_unspec: 6,
    retrocardiac: 12,
    left_lower_lung: 18,
    right_lung_unspec: 27,
    rib: 37,
    lung_volumes: 48,
  };
  for (const [name, number] of Object.entries(places)) expect(POSITIONS[number]).toBe(name);
  expect(POSITIONS.slice(-2)).toEqual(['unspecified', 'other']);
});

test('the rules say what the official ones say, for over a thousand anatomies', () => {
  expect(Object.keys(official).length).toBeGreaterThan(1000);
  for (const [anatomy, name] of Object.entries(official)) expect(POSITIONS[positionOf(anatomy)], anatomy).toBe(name);
  expect(new Set(Object.values(official)).size).toBe(51);
});

test.each([
  ['lobe|left|lower', 'lower_left_lobe'],
  ['lung|left|lower', 'left_lower_lung'],
  // Whole strings know one order.
  ['base|left', 'left_lower_lung'],
  ['left|base', 'other'],
  ['lungs', 'lung_volumes'],
  ['midlung|left', 'left_mid_lung'],
  ['midlung|right', 'other'],
  ['unspecified', 'unspecified'],
])('%s: %s', (anatomy, name) => expect(POSITIONS[positionOf(anatomy)]).toBe(name));
