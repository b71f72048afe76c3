/** Value of a smooth function at `x`; its gradient is written into `gradient`. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

export interface Minimum {
  x: Float64Array;
  value: number;
  iterations: number;
  /** Whether the largest gradient component fell below the tolerance. */
  converged: boolean;
}

export interface MinimiseOptions {
  /** On the largest absolute gradient component; default 1e-6. */
  tolerance?: number;
  iterations?: number;
  /** Pairs of steps and gradient changes kept; default 10. */
  memory?: number;
}

/**
 * Limited-memory BFGS (Nocedal & Wright, algorithms 7.4 and 7.5) with a bisecting search for a step that satisfies the
 * weak Wolfe conditions (Lewis & Overton 2013), which keep every curvature pair positive. Deterministic.
 */
export function minimise(objective: Objective, start: Float64Array, options: MinimiseOptions = {}): Minimum {
  const { tolerance = 1e-6, iterations = 1000, memory = 10 } = options;
  const n = start.length;
  const x = Float64Array.from(start);
  const gradient = new Float64Array(n);
  let value = objective(x, gradient);
  const pairs: Pair[] = [];
  const trial = new Float64Array(n);
  const trialGradient = new Float64Array(n);
  let done = 0;
  for (; done < iterations && largest(gradient) > tolerance; done++) {
    const direction = descent(gradient, pairs);
    const slope = dot(gradient, direction);
    // Without curvature yet, the gradient's length is the only measure of a step.
    let step = pairs.length ? 1 : Math.min(1, 1 / Math.sqrt(dot(gradient, gradient)));
    let low = 0;
    let high = Number.POSITIVE_INFINITY;
    let trialValue = value;
    let found = false;
    // Near the minimum the decrease is smaller than the value's own rounding; the gradient still tells the way.
    const rounding = 10 * Number.EPSILON * Math.abs(value);
    for (let tries = 0; tries < 60 && !found; tries++) {
      for (let i = 0; i < n; i++) trial[i] = x[i]! + step * direction[i]!;
      trialValue = objective(trial, trialGradient);
      if (!(trialValue <= value + 1e-4 * step * slope + rounding)) high = step;
      else if (dot(trialGradient, direction) < 0.9 * slope) low = step;
      else found = true;
      if (!found) step = high < Number.POSITIVE_INFINITY ? (low + high) / 2 : 2 * low;
    }
    // No step improves the value any more in floating point: this is as near as it gets.
    if (!found) break;
    const s = new Float64Array(n);
    const y = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      s[i] = trial[i]! - x[i]!;
      y[i] = trialGradient[i]! - gradient[i]!;
    }
    const curvature = dot(s, y);
    if (curvature > 0) {
      pairs.push({ s, y, curvature });
      if (pairs.length > memory) pairs.shift();
    }
    x.set(trial);
    gradient.set(trialGradient);
    value = trialValue;
  }
  return { x, value, iterations: done, converged: largest(gradient) <= tolerance };
}

interface Pair {
  s: Float64Array;
  y: Float64Array;
  curvature: number;
}

/** The two-loop recursion: −H·gradient. */
function descent(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  const q = Float64Array.from(gradient, (g) => -g);
  const alphas = new Float64Array(pairs.length);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, curvature } = pairs[k]!;
    alphas[k] = dot(s, q) / curvature;
    add(q, -alphas[k]!, y);
  }
  const last = pairs.at(-1);
  if (last) {
    const scale = last.curvature / dot(last.y, last.y);
    for (let i = 0; i < q.length; i++) q[i]! *= scale;
  }
  for (const [k, { s, y, curvature }] of pairs.entries()) add(q, alphas[k]! - dot(y, q) / curvature, s);
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(into: Float64Array, factor: number, values: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += factor * values[i]!;
}

function largest(values: Float64Array): number {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
