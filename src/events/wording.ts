/** How numbers and texts are said to people, in the terminal and in reports alike. */
import type { DataFetch } from './types.js';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 12,345 */
export function count(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : 'not finite';
}

/** Four significant digits: 0.9312, 12.35, 1.000e-5. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return 'not finite';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return whole.format(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(size < 1e-3 ? 2 : 3);
  if (size >= 1000) return whole.format(value);
  return value.toPrecision(4);
}

/** A difference, with its sign and two digits: +0.021, −12. */
export function change(value: number): string {
  if (value === 0) return '±0';
  const size = Math.abs(value);
  const text =
    Number.isInteger(value) || size < 1e-3 || size >= 100 ? figure(size) : String(Number(size.toPrecision(2)));
  return `${value > 0 ? '+' : '−'}${text}`;
}

/** 3.2 M parameters, 1.1 B samples. */
export function rounded(value: number): string {
  for (const [unit, name] of [
    [1e12, 'T'],
    [1e9, 'B'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    if (Math.abs(value) >= unit) return `${(value / unit).toFixed(value >= 100 * unit ? 0 : 1)} ${name}`;
  }
  return whole.format(value);
}

/** 512 MB, 1.42 GB (decimal units). */
export function bytes(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} GB`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(0)} MB`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(0)} kB`;
  return `${value} B`;
}

/** 42 s, 3 min 5 s, 2 h 14 min, 3 d 4 h. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'unknown';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** One line without control characters: texts of data sets and errors must not steer the terminal. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}

/** How far the shards of an object store are: 3 of 24 shards of s3://bucket/data, 1.20 GB of 24.3 GB, 310 MB/s. */
export function fetchText({
  source,
  shards,
  bytes: size,
  fetched,
  seconds,
}: Pick<DataFetch, 'source' | 'shards' | 'bytes' | 'fetched' | 'seconds'>): string {
  const pace = fetched > 0 && seconds > 0 ? `, ${bytes(fetched / seconds)}/s` : '';
  return `${count(shards.here)} of ${count(shards.wanted)} shards of ${source}, ${bytes(size.here)} of ${bytes(size.wanted)}${pace}`;
}
