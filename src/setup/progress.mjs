// @ts-check
// What set-up says while it works. All of it goes to standard error, so that a command that runs set-up first still has
// standard output for itself.

const terminal = process.stderr.isTTY === true;
/** Without a terminal, a line at most this often. */
const PLAIN_INTERVAL_MS = 10_000;

/** @param {number} bytes @returns {string} e.g. `192 MB` */
export function size(bytes) {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)} GB`;
  if (bytes >= 1e6) return `${Math.round(bytes / 1e6)} MB`;
  return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
}

/** @param {number} ms @returns {string} e.g. `1 min 20 s` */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

/**
 * A slow thing: says its name at once, how far it is while it runs, and how long it took.
 * @param {string} name e.g. `fetching libtorch 2.13.0`
 * @param {{ unit?: 'bytes' | 'files', total?: number }} [measure]
 */
export function begin(name, measure = {}) {
  const start = Date.now();
  let lastSaid = start;
  let total = measure.total ?? 0;
  const amount = (/** @type {number} */ n) => (measure.unit === 'files' ? `${n}` : size(n));
  const unit = measure.unit === 'files' ? ' files' : '';
  if (!terminal) say(`${name}${total > 0 ? ` (${amount(total)}${unit})` : ''} …`);
  const clear = () => {
    if (terminal) process.stderr.write('\r\x1b[K');
  };
  return {
    /** @param {number} done @param {number} [newTotal] */
    update(done, newTotal) {
      total = newTotal ?? total;
      const now = Date.now();
      if (now - lastSaid < (terminal ? 100 : PLAIN_INTERVAL_MS)) return;
      lastSaid = now;
      const of = total > 0 ? ` of ${amount(total)}${unit}, ${Math.floor((100 * done) / total)} %` : '';
      const line = `${name}: ${amount(done)}${of}, ${duration(now - start)}`;
      if (terminal) process.stderr.write(`\r\x1b[K${line}`);
      else say(`  ${line}`);
    },
    /** @param {string} [result] */
    done(result) {
      clear();
      say(`${name}: ${result ? `${result}, ` : ''}${duration(Date.now() - start)}`);
    },
    /** Takes the unfinished line away, before a failure is told. */
    failed: clear,
  };
}
