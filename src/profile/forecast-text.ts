import { bytes, count, duration, rounded } from '../events/wording.js';
import type { Forecast } from './forecast.js';

/** Tables for a terminal: worlds, then what the largest one's step is made of, then what all that rests on. */
export function forecastText(told: Forecast): string {
  const { worlds, batch, steps } = told;
  const last = worlds.at(-1)!;
  const columns = ['cards', 'batch', 'ms a step', 'samples/s', 'MFU', 'efficiency', 'memory', 'on the wire', 'run'];
  const rows = worlds.map((world) => [
    count(world.world),
    count(world.share),
    milliseconds(world.time.total),
    count(world.samplesPerSecond),
    percent(world.mfu),
    percent(world.efficiency),
    `${bytes(world.memory.peak)}${world.fits ? '' : ' !'}`,
    bytes(world.wire),
    duration(world.run),
  ]);
  const parts = Object.entries(last.parts).map(([part, work]) => {
    const { forward, backward, again } = told.formulas[part] ?? { forward: '', backward: '', again: '0' };
    return [part, rounded(work.forward + work.backward), rounded(work.again), `${forward}; ${backward}; ${again}`];
  });
  const memory = Object.entries(last.memory).map(([kind, size]) => [kind === 'peak' ? 'at most' : kind, bytes(size)]);
  const traffic = last.traffic.map((one) => [
    one.purpose,
    one.kind,
    count(one.calls),
    bytes(Math.round(one.bytes)),
    one.formula,
  ]);
  const assumptions = told.assumptions.map(({ what, value, standing, source }) => [
    what,
    value,
    standing,
    source ?? '',
  ]);
  const sections = [
    `${told.recipe} on ${told.data.name}: ${count(told.data.training)} rows, batch ${count(batch)}, ${count(steps)} steps, ${told.precision}, ${rounded(told.parameters)} parameters`,
    table(columns, rows),
    ...(worlds.every(({ fits }) => fits) ? [] : [`! more than the ${bytes(told.cardMemory)} of a card`]),
    `Operations of one of ${count(last.world)} ranks in a step (b samples of a rank, N of all)`,
    table(['part', 'FLOP', 'again', 'forward; backward; again'], parts),
    `Memory of one rank`,
    table(['kind', 'bytes'], memory),
    ...(traffic.length
      ? ['What one rank hands to the others in a step', table(['for', 'kind', 'calls', 'bytes', 'formula'], traffic)]
      : []),
    'What this rests on',
    table(['what', 'value', 'standing', 'source'], assumptions),
    ...told.warnings.map((warning) => `warning: ${warning}`),
  ];
  return `${sections.join('\n\n')}\n`;
}

const milliseconds = (seconds: number) => (1000 * seconds).toPrecision(4);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Columns as wide as their widest cell; numbers to the right. */
function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [columns, ...rows];
  const width = columns.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const numeric = columns.map((_, i) =>
    i === 0 ? rows.every((row) => /^[\d,]+$/.test(row[0]!)) : rows.every((row) => /^[\d.,−-]/.test(row[i]!)),
  );
  return all
    .map((row) =>
      row
        .map((cell, i) => (numeric[i] ? cell.padStart(width[i]!) : cell.padEnd(width[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
