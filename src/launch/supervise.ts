import { constants } from 'node:os';
import { consequences } from './messages.js';
import type { End, RankProcess } from './rank-process.js';

export interface Patience {
  /** Seconds without a sign of life after which a rank counts as hung. */
  rankTimeout: number;
  /** Seconds that the others have to end by themselves after one was lost; what they say meanwhile are consequences. */
  grace: number;
}

/** Why a run of all ranks failed: what came first, and by whom. */
export interface Cause {
  rank: RankProcess;
  reason: 'exit' | 'signal' | 'hung' | 'failed';
  status?: number;
  signal?: NodeJS.Signals;
  code?: string;
  /** "was killed by SIGKILL". */
  message: string;
}

export interface Outcome {
  /** 0; 2 for wrong usage; 128 and the signal's number for a run that was stopped; else 1. */
  status: number;
  /** Absent where nothing failed. */
  cause?: Cause;
}

interface Sign extends Cause {
  time: number;
}

const stops: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];
/** Milliseconds that signs are collected for after the first: an exit can be heard of after what it did to others. */
const settleMilliseconds = 300;
/** Milliseconds that a rank that told its failure is waited for, since its status says whether it was wrong usage. */
const statusMilliseconds = 2000;
/** Milliseconds of silence after which a rank is thought to be what others wait for, who beat every second. */
const suspiciousMilliseconds = 5000;

/**
 * Watches ranks until all have ended. The first that ends with a bad status or by a signal, tells that it failed, or is silent
 * for too long, is the cause: `lost` is called at once, the others get SIGTERM, after the grace period SIGKILL.
 */
export class Supervisor {
  readonly #ranks: readonly RankProcess[];
  readonly #patience: Patience;
  readonly #lost: (cause: Cause) => void;
  readonly outcome: Promise<Outcome>;
  #cause: Sign | undefined;
  #stop: NodeJS.Signals | undefined;
  #verdictAt: NodeJS.Timeout | undefined;
  #killAt: NodeJS.Timeout | undefined;

  constructor(ranks: readonly RankProcess[], patience: Patience, lost: (cause: Cause) => void) {
    this.#ranks = ranks;
    this.#patience = patience;
    this.#lost = lost;
    for (const rank of ranks) rank.on('changed', () => this.#changed());
    this.outcome = this.#watch();
  }

  /** Passes a signal on to all ranks. SIGTERM and SIGINT ask for an end; whoever is not gone a while after the second is killed. */
  forward(signal: NodeJS.Signals): void {
    if (stops.includes(signal)) {
      if (this.#stop) this.#killLater();
      this.#stop ??= signal;
    }
    for (const rank of this.#ranks) rank.kill(signal);
  }

  async #watch(): Promise<Outcome> {
    const interval = Math.min(1000, this.#patience.rankTimeout * 250);
    let before = Date.now();
    const clock = setInterval(() => {
      // After a sleep of this very process (Ctrl-Z, a closed lid) the signs of life lie in the pipes, unread.
      const slept = Date.now() - before - interval;
      before = Date.now();
      if (slept > interval + 1000) for (const rank of this.#ranks) rank.heard = before;
      else this.#lookForHung();
    }, interval);
    await Promise.all(this.#ranks.map(({ gone }) => gone));
    clearInterval(clock);
    clearTimeout(this.#verdictAt);
    // All can be gone before the signs have settled.
    if (!this.#cause) this.#judge();
    clearTimeout(this.#killAt);
    const cause = this.#cause;
    if (cause) return { status: cause.rank.end?.status === 2 ? 2 : 1, cause };
    const signalled = this.#stop && this.#ranks.some(({ end }) => end?.status !== 0);
    return { status: signalled ? 128 + constants.signals[this.#stop as NodeJS.Signals] : 0 };
  }

  #changed(): void {
    if (this.#cause || this.#verdictAt || !this.#ranks.some((rank) => this.#signOf(rank))) return;
    this.#verdictAt = setTimeout(() => this.#settle(Date.now() + statusMilliseconds), settleMilliseconds);
  }

  #settle(deadline: number): void {
    const first = this.#first();
    if (first?.reason === 'failed' && !first.rank.end && Date.now() < deadline) {
      this.#verdictAt = setTimeout(() => this.#settle(deadline), 20);
    } else this.#judge();
  }

  #lookForHung(): void {
    if (this.#cause || this.#verdictAt) return;
    const silent = () => this.#silent(this.#patience.rankTimeout * 1000);
    if (!silent()) return;
    // Signs of life that came while this process was busy are read before this.
    setImmediate(() => {
      const hung = silent();
      if (hung && !this.#cause && !this.#verdictAt) this.#condemn(hung);
    });
  }

  #judge(): void {
    const first = this.#first();
    if (!first) return;
    // Others give up on a rank that is stopped, by their own clocks.
    const silent = isConsequence(first) && this.#silent(suspiciousMilliseconds);
    this.#condemn(silent || first);
  }

  #condemn(cause: Sign): void {
    this.#cause = cause;
    if (cause.rank.end?.status !== 2) this.#lost(cause);
    if (cause.reason === 'hung') cause.rank.kill('SIGKILL', true);
    for (const rank of this.#ranks) {
      rank.kill('SIGTERM');
      // One that is stopped would not hear it.
      rank.kill('SIGCONT');
    }
    this.#killLater();
  }

  #killLater(): void {
    this.#killAt ??= setTimeout(() => {
      for (const rank of this.#ranks) rank.kill('SIGKILL', true);
    }, this.#patience.grace * 1000);
  }

  /** The earliest sign that is no consequence, else the earliest. */
  #first(): Sign | undefined {
    const signs = this.#ranks.flatMap((rank) => this.#signOf(rank) ?? []).sort((a, b) => a.time - b.time);
    return signs.find((sign) => !isConsequence(sign)) ?? signs[0];
  }

  #signOf(rank: RankProcess): Sign | undefined {
    const { failure, end } = rank;
    if (failure) {
      const { code, message, time } = failure;
      const status = end?.status == null ? {} : { status: end.status };
      return { rank, reason: 'failed', code, message: `failed: ${message} [${code}]`, time, ...status };
    }
    if (!end || end.status === 0 || this.#obeyed(end)) return undefined;
    const { status, signal, time } = end;
    if (signal) return { rank, reason: 'signal', signal, message: `was killed by ${signal}`, time };
    return { rank, reason: 'exit', status: status as number, message: `ended with status ${status}`, time };
  }

  /** Ended as it was told to. */
  #obeyed({ status, signal }: End): boolean {
    if (!this.#stop) return false;
    return signal ? stops.includes(signal) : stops.some((name) => status === 128 + constants.signals[name]);
  }

  #silent(milliseconds: number): Sign | undefined {
    const now = Date.now();
    const silent = this.#ranks.filter(({ end, failure, heard }) => !end && !failure && now - heard >= milliseconds);
    const rank = silent.sort((a, b) => a.heard - b.heard)[0];
    if (!rank) return undefined;
    const seconds = ((now - rank.heard) / 1000).toFixed(0);
    const stopped = rank.stopped ? '; its process is stopped' : '';
    return { rank, reason: 'hung', message: `gave no sign of life for ${seconds} s${stopped}`, time: rank.heard };
  }
}

function isConsequence({ code }: Cause): boolean {
  return code !== undefined && consequences.includes(code);
}
