/** The one error class of Gadolinium. `code` is what callers branch on; the message is a sentence; `advice` says what to do. */
export class GadoliniumError extends Error {
  override readonly name = 'GadoliniumError';
  readonly code: string;
  readonly advice: string | undefined;
  /** The rank and step where it happened, where they apply. */
  readonly rank: number | undefined;
  readonly step: number | undefined;

  constructor(
    code: string,
    message: string,
    more: { advice?: string | undefined; rank?: number | undefined; step?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.advice = more.advice || undefined;
    this.rank = more.rank;
    this.step = more.step;
  }

  /** `expected WHAT for WHERE but got GOT`, the one form of every complaint about input. */
  static expected(code: string, what: string, where: string, got: unknown, advice?: string): GadoliniumError {
    return new GadoliniumError(code, `expected ${what} for ${where} but got ${shown(got)}`, { advice });
  }
}

function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 200 ? `'${value.slice(0, 200)}…'` : `'${value}'`;
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null) return JSON.stringify(value).slice(0, 200);
  return String(value);
}
