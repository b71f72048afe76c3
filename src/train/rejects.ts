import { appendFileSync } from 'node:fs';
import { GadoliniumError } from '../errors.js';
import type { NativeEvent } from '../native/addon.js';

export interface RejectPolicy {
  /** skip: go on without the sample, within the limit; stop: the first one ends the run. */
  onError: 'skip' | 'stop';
  /** Largest share of samples that may be rejected. */
  limit: number;
}

/**
 * Samples that could not be read while training. Each is written to the file once; the first of each reason is a warning; more
 * than the limit end the run, since then something is wrong with the data and not with a file.
 */
export class Rejects {
  count: number;
  readonly #seen = new Set<string>();
  readonly #reasons = new Set<string>();

  constructor(
    private readonly file: string,
    private readonly policy: RejectPolicy,
    private readonly warn: (code: string, message: string) => void,
    start = 0,
  ) {
    this.count = start;
  }

  /** Returns the error that must end the run, if it must. */
  take(event: NativeEvent, samples: number): GadoliniumError | undefined {
    const { file, row, field, reason } = event as unknown as {
      file: string;
      row: number;
      field: string;
      reason: string;
    };
    this.count++;
    const key = `${row}/${field}`;
    const sentence = `${file}: row ${row}: ${field}: ${reason}`;
    if (!this.#seen.has(key)) {
      this.#seen.add(key);
      this.#list({ file, row, field, reason });
    }
    if (!this.#reasons.has(reason)) {
      this.#reasons.add(reason);
      this.warn('sample-rejected', sentence);
    }
    if (this.policy.onError === 'stop') {
      return new GadoliniumError('sample-rejected', sentence, {
        advice: '--on-error skip goes on without such samples',
      });
    }
    // A share means something only once some samples were seen.
    if (samples >= 1000 && this.count > this.policy.limit * samples) {
      return new GadoliniumError(
        'too-many-rejects',
        `expected at most ${this.policy.limit * 100} % unreadable samples but got ${this.count} of ${samples}; the last: ${sentence}`,
        { advice: `${this.file} lists them` },
      );
    }
    return undefined;
  }

  /** A disk that is full ends no run: what is not on the list is said. */
  #list(reject: object): void {
    const line = JSON.stringify(reject);
    try {
      appendFileSync(this.file, `${line}\n`);
    } catch (error) {
      this.warn('reject-not-listed', `could not add to ${this.file} (${(error as Error).message}): ${line}`);
    }
  }
}
