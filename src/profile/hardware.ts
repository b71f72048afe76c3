import { GadoliniumError } from '../errors.js';
import { cards } from '../model/cards.js';
import type { Assumption, Hardware } from './forecast.js';

/** What a user says of the machines, in the units of the command line. */
export interface HardwareOptions {
  card?: string | undefined;
  /** Of one card, in the recipe's precision. */
  peakTflops?: number | undefined;
  memoryGib?: number | undefined;
  cardsPerMachine?: number | undefined;
  /** Network of one machine, all its cards together. */
  linkGbps?: number | undefined;
  utilisation?: number | undefined;
}

/** Fills in what was not said, and keeps of every figure where it comes from. Throws `bad-option`. */
export function hardwareFrom(options: HardwareOptions): Hardware {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === 'number' && !(value > 0))
      throw GadoliniumError.expected('bad-option', 'a number above 0', `--${kebab(name)}`, value);
  }
  const { card = 'h100', peakTflops, memoryGib, cardsPerMachine = 8, linkGbps = 400, utilisation = 0.3 } = options;
  const known = cards[card];
  if (!known) {
    throw GadoliniumError.expected(
      'bad-option',
      `one of ${Object.keys(cards).join(', ')}`,
      '--card',
      card,
      'of another card give --peak-tflops and --memory-gib',
    );
  }
  if (utilisation > 1) throw GadoliniumError.expected('bad-option', 'at most 1', '--utilisation', utilisation);
  const assumptions: Assumption[] = [];
  const note = (what: string, value: string, given: unknown, source?: string) =>
    assumptions.push({
      what,
      value,
      standing: given !== undefined ? 'given' : source ? 'published' : 'assumed',
      ...(source && given === undefined ? { source } : {}),
    });
  // A card of the user's own has no name here.
  const own = peakTflops !== undefined && options.card === undefined;
  if (!own) note('card', card, options.card);
  const peak = peakTflops === undefined ? undefined : peakTflops * 1e12;
  note(
    'peak of a card',
    peak === undefined
      ? `${known.flops.bf16 / 1e12} TFLOP/s in bf16 and fp16, ${known.flops.fp32 / 1e12} in fp32`
      : `${peakTflops} TFLOP/s`,
    peakTflops,
    known.source,
  );
  const memory = memoryGib === undefined ? known.memory : memoryGib * 2 ** 30;
  note('memory of a card', `${(memory / 1e9).toFixed(0)} GB`, memoryGib, known.source);
  const said = own ? undefined : known.source;
  note('bandwidth of its memory', `${known.memoryBandwidth / 1e12} TB/s`, undefined, said);
  note('link between cards of a machine', `${known.linkBandwidth / 1e9} GB/s each way`, undefined, said);
  note('cards of a machine', `${cardsPerMachine}`, options.cardsPerMachine);
  note('network of a machine', `${linkGbps} Gbit/s`, options.linkGbps);
  note(
    'share of the peak that arithmetic reaches',
    // What others reached is no figure of this recipe's: the value stays an assumption.
    options.utilisation === undefined
      ? `${utilisation}; from the card hours in open_clip's docs/PRETRAINED.md follow 0.11 to 0.16 on A100s, all waits included`
      : `${utilisation}`,
    options.utilisation,
  );
  note('a collective without its bytes', '20 µs for each doubling of the ranks', undefined);
  note('waiting for data', 'none', undefined);
  return {
    card: own ? `a card of ${peakTflops} TFLOP/s` : card,
    flops: (precision) => peak ?? known.flops[precision],
    memory,
    memoryBandwidth: known.memoryBandwidth,
    cardsPerMachine,
    cardLink: known.linkBandwidth,
    machineLink: (linkGbps * 1e9) / 8,
    utilisation,
    latency: 20e-6,
    assumptions,
  };
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
