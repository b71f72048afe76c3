import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Plan, type PlanFacts } from '../../../src/data/plan.js';

const facts = (more: Partial<PlanFacts> = {}): PlanFacts => ({
  rows: Uint32Array.from({ length: 50 }, (_, i) => i * 2),
  seed: 7,
  batch: 8,
  streams: 1,
  order: 'shuffle',
  ...more,
});
const run = (plan: Plan, steps: number, rank = 0, world = 1) =>
  Array.from({ length: steps }, (_, s) => plan.step(s, rank, world));

describe('the order of samples', () => {
  test('every row comes exactly once an epoch, whatever the batch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 16 }),
        fc.integer({ min: 48, max: 120 }),
        fc.integer(),
        (batch, n, seed) => {
          const plan = new Plan(facts({ rows: Uint32Array.from({ length: n }, (_, i) => i), batch, seed }));
          const all = run(plan, plan.stepsOf(3)).flatMap((step) => [...step.rows]);
          for (let epoch = 0; epoch < 3; epoch++) {
            expect(new Set(all.slice(epoch * n, (epoch + 1) * n)).size).toBe(n);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test('no row is twice in a batch, also where a batch straddles two epochs', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 16 }), fc.integer({ min: 48, max: 80 }), fc.integer(), (batch, n, seed) => {
        const plan = new Plan(facts({ rows: Uint32Array.from({ length: n }, (_, i) => i), batch, seed }));
        for (const step of run(plan, plan.stepsOf(4))) expect(new Set(step.rows).size).toBe(batch);
      }),
      { numRuns: 50 },
    );
  });

  test('a pure function of the step: asked from the middle it says the same', () => {
    const whole = run(new Plan(facts()), 30);
    const resumed = new Plan(facts());
    for (const s of [29, 17, 3, 18]) expect(resumed.step(s, 0, 1)).toEqual(whole[s]);
  });

  test('ranks share the global batch of one process, in equal parts', () => {
    const whole = run(new Plan(facts()), 20);
    const ranks = [0, 1, 2, 3].map((rank) => run(new Plan(facts()), 20, rank, 4));
    for (const [s, step] of whole.entries()) {
      expect(ranks.flatMap((steps) => [...(steps[s]?.rows ?? [])])).toEqual([...step.rows]);
    }
  });

  test('epochs, seeds and streams differ', () => {
    const orders = [facts(), facts({ seed: 8 })].map((f) =>
      run(new Plan(f), 6)
        .flatMap((step) => [...step.rows])
        .join(),
    );
    expect(new Set(orders).size).toBe(2);
    const unpaired = new Plan(facts({ streams: 2 })).step(0, 0, 1).rows;
    expect(unpaired.length).toBe(16);
    expect([...unpaired.slice(0, 8)]).not.toEqual([...unpaired.slice(8)]);
  });

  test('apart: never two rows of a patient in a batch', () => {
    const patients = Int32Array.from({ length: 50 }, (_, i) => Math.floor(i / 5));
    const plan = new Plan(facts({ order: 'apart', patients, batch: 8 }));
    expect(plan.epochLength).toBe(48);
    for (const step of run(plan, 18)) {
      const seen = [...step.rows].map((row) => patients[row / 2]);
      expect(new Set(seen).size).toBe(8);
      expect(new Set(step.rows).size).toBe(8);
    }
  });

  test('balanced: every class fills the same share of a batch', () => {
    const classes = Int32Array.from({ length: 50 }, (_, i) => (i < 40 ? 0 : i < 48 ? 1 : -1));
    for (const step of run(new Plan(facts({ order: 'balanced', classes })), 12)) {
      const seen = [...step.rows].map((row) => classes[row / 2]);
      expect(seen.filter((one) => one === 0).length).toBe(4);
      expect(seen.filter((one) => one === 1).length).toBe(4);
    }
  });

  test('too few rows and a batch that ranks cannot share are named', () => {
    expect(() => new Plan(facts({ batch: 51 }))).toThrow(
      'expected at least train.batch = 51 rows for the training split but got 50',
    );
    expect(() => new Plan(facts()).step(0, 0, 3)).toThrow(
      'expected a multiple of the world size 3 for train.batch but got 8',
    );
  });
});
