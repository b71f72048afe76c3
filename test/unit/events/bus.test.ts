import { describe, expect, it } from 'vitest';
import { EventBus } from '../../../src/events/bus.js';
import { EventQueue } from '../../../src/events/queue.js';
import type { EventListener, TrainEvent, Warning } from '../../../src/events/types.js';
import { runStarted, step, zeroShot } from '../../fixtures/run-events.js';

function recorder(): EventListener & { heard: TrainEvent[]; steps(): number[]; warnings(): Warning[] } {
  const heard: TrainEvent[] = [];
  return {
    name: 'recorder',
    heard,
    on: (event) => void heard.push(event),
    steps: () => heard.flatMap((event) => (event.type === 'step' ? [event.step] : [])),
    warnings: () => heard.filter((event) => event.type === 'warning'),
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('EventQueue', () => {
  it('keeps the newest step, the order and every lifecycle event when it thins', () => {
    const queue = new EventQueue(8);
    queue.push(runStarted());
    for (let n = 1; n <= 1000; n++) {
      queue.push(step(n));
      if (n % 100 === 0) queue.push(zeroShot(n));
    }
    const out: TrainEvent[] = [];
    for (let event = queue.shift(); event !== undefined; event = queue.shift()) out.push(event);
    const steps = out.flatMap((event) => (event.type === 'step' ? [event.step] : []));
    expect(out.filter((event) => event.type !== 'step')).toHaveLength(11);
    expect(steps.at(-1)).toBe(1000);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.length).toBeLessThanOrEqual(8);
    expect(steps.length + queue.thinned).toBe(1000);
    expect(queue.length).toBe(0);
  });
});

describe('EventBus', () => {
  it('hands every event to every listener in order', async () => {
    const [a, b] = [recorder(), recorder()];
    const bus = new EventBus([a, b]);
    for (let n = 1; n <= 5000; n++) bus.push(step(n));
    expect(await bus.close()).toEqual([]);
    expect(a.steps()).toEqual(Array.from({ length: 5000 }, (_, i) => i + 1));
    expect(b.heard).toEqual(a.heard);
  });

  it('reports a throwing listener once, detaches it after its last allowed failure, and goes on with the others', async () => {
    let calls = 0;
    let closed = 0;
    const bad: EventListener = {
      name: 'bad',
      on() {
        calls++;
        throw new Error('disk full');
      },
      close: () => void closed++,
    };
    const good = recorder();
    const bus = new EventBus([bad, good], { failures: 3 });
    for (let n = 1; n <= 10; n++) bus.push(step(n));
    await bus.close();
    expect(good.steps()).toHaveLength(10);
    expect(good.warnings().map((w) => w.code)).toEqual(['listener-failed', 'listener-detached']);
    expect(good.warnings()[0]!.message).toContain("'bad'");
    expect(good.warnings()[0]!.message).toContain('disk full');
    expect(calls).toBe(3);
    expect(closed).toBe(1);
    // The warning about step 1 comes after step 1.
    expect(good.heard[0]!.type).toBe('step');
    expect(good.heard[1]!.type).toBe('warning');
  });

  it('treats a rejection like a throw', async () => {
    const good = recorder();
    const bus = new EventBus([{ name: 'late', on: async () => Promise.reject(new Error('no route')) }, good], {
      failures: 2,
    });
    for (let n = 1; n <= 4; n++) bus.push(step(n));
    await turn();
    bus.push(step(5));
    await bus.close();
    expect(good.warnings().map((w) => w.code)).toEqual(['listener-failed', 'listener-detached']);
    expect(good.steps()).toHaveLength(5);
  });

  it('gives a slow listener all lifecycle events, thinned steps and says how many were left out', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = recorder();
    const first = slow.on;
    slow.on = (event) => {
      first(event);
      return held;
    };
    const good = recorder();
    const bus = new EventBus([slow, good], { capacity: 16 });
    bus.push(runStarted());
    for (let n = 1; n <= 1000; n++) {
      bus.push(step(n));
      if (n % 50 === 0) bus.push(zeroShot(n));
    }
    expect(slow.heard).toHaveLength(1);
    expect(good.steps()).toHaveLength(1000);
    release();
    await bus.close();
    expect(slow.heard.filter((event) => event.type === 'evaluation')).toHaveLength(20);
    expect(slow.steps().at(-1)).toBe(1000);
    const said = good.warnings().filter((w) => w.code === 'events-thinned');
    expect(said.length).toBeGreaterThan(0);
    expect(said.reduce((sum, w) => sum + w.count!, 0)).toBe(1000 - slow.steps().length);
  });

  it('closes within its limit when a listener hangs, and names it', async () => {
    const good = recorder();
    const bus = new EventBus([{ name: 'hung', on: () => new Promise<void>(() => {}) }, good]);
    bus.push(step(1));
    const begun = Date.now();
    const unheard = await bus.close(50);
    expect(Date.now() - begun).toBeLessThan(2000);
    expect(unheard.map((w) => w.code)).toEqual(['listener-unfinished']);
    expect(unheard[0]!.message).toContain("'hung'");
  });

  it('is iterated from its first event, and the loop ends when the bus closes', async () => {
    const bus = new EventBus();
    bus.push(runStarted());
    const seen: string[] = [];
    const loop = (async () => {
      for await (const event of bus) seen.push(event.type === 'step' ? `step ${event.step}` : event.type);
    })();
    bus.push(step(1));
    await turn();
    bus.push(step(2));
    await bus.close();
    await loop;
    expect(seen).toEqual(['run-started', 'step 1', 'step 2']);
  });

  it('bounds what waits for a slow loop, and lets go of a loop that was left', async () => {
    const good = recorder();
    const bus = new EventBus([good], { capacity: 16, thinningWarningInterval: 0 });
    const slow = bus[Symbol.asyncIterator]();
    for (let n = 1; n <= 100; n++) bus.push(step(n));
    bus.push(zeroShot(100));
    await bus.close();
    const seen: TrainEvent[] = [];
    for await (const event of slow) seen.push(event);
    const steps = seen.filter((event) => event.type === 'step');
    const left = good.warnings().reduce((sum, w) => sum + w.count!, 0);
    expect(steps.length).toBeLessThanOrEqual(16);
    expect(steps.length + left).toBe(100);
    expect(seen.some((event) => event.type === 'evaluation')).toBe(true);

    const other = new EventBus([], { capacity: 16 });
    other.push(step(1));
    for await (const event of other) {
      expect(event.type).toBe('step');
      break;
    }
    const reader = recorder();
    other.attach(reader);
    for (let n = 2; n <= 100; n++) other.push(step(n));
    expect(reader.warnings()).toEqual([]);
    await other.close();
  });
});
