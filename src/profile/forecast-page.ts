import { bytes, count, duration, rounded } from '../events/wording.js';
import { Captions, type Cell, type Html, html, table } from '../report/html.js';
import { page } from '../report/page.js';
import { chartStyle, efficiencyChart, stepChart } from './efficiency-chart.js';
import { type Forecast, ringFormulas } from './forecast.js';

/** One file that asks nobody for anything, as run reports are. */
export function forecastPage(told: Forecast): string {
  const captions = new Captions();
  const last = told.worlds.at(-1)!;
  const number = (value: string): Cell => ({ value, numeric: true });
  const chart = (svg: Html, text: string) => html`<figure>${svg}${captions.figure(text)}</figure>`;
  const header = html`<style>${chartStyle}</style>
<div><h1>${told.recipe} on ${cards(last.world)}: a forecast</h1>
<p>Nothing was trained. Operations, memory and traffic were counted on a few samples and carried on by formula; times follow from the figures at the end. ${told.data.name}: ${count(told.data.training)} rows for training, global batch ${count(told.batch)}, ${count(told.steps)} steps, ${told.precision}, ${rounded(told.parameters)} parameters, ${told.card}.</p></div>`;
  const worlds = table(
    captions.table(
      html`The same global batch on more cards. Efficiency: samples a second and card, over those of the first row.`,
    ),
    [
      'cards',
      'machines',
      'samples a card',
      'ms a step',
      'communication, ms',
      'not hidden, ms',
      'samples/s',
      'MFU',
      'efficiency',
      'memory of a card',
      'fits',
      'bytes on a link',
      'run',
    ].map((value, i) => (i === 0 ? value : { value, numeric: true })),
    told.worlds.map((world) => [
      world.world,
      world.machines,
      world.share,
      number(ms(world.time.total)),
      number(ms(world.time.communication)),
      number(ms(world.time.exposed)),
      number(count(world.samplesPerSecond)),
      number(percent(world.mfu)),
      { value: percent(world.efficiency), numeric: true, share: Math.min(1, world.efficiency) },
      number(bytes(world.memory.peak)),
      world.fits ? 'yes' : 'no',
      number(bytes(world.wire)),
      number(duration(world.run)),
    ]),
  );
  const parts = table(
    captions.table(
      html`Floating-point operations of one rank in a step, 2 a multiply-add, and their formulas: b samples of a rank, N of all. "Again" is what is computed a second time to save memory, or by every rank although one would do; MFU leaves it out.`,
    ),
    ['part', 'forward', 'backward', 'again', 'formula, forward', 'backward', 'again'],
    Object.entries(last.parts).map(([part, { forward, backward, again }]) => [
      part,
      number(rounded(forward)),
      number(rounded(backward)),
      number(rounded(again)),
      told.formulas[part]?.forward,
      told.formulas[part]?.backward,
      told.formulas[part]?.again,
    ]),
  );
  const kinds: [keyof typeof last.memory, string, string][] = [
    ['weights', 'weights and running statistics', '4 bytes each'],
    ['gradients', 'gradients', '4 bytes a trainable parameter'],
    ['optimiser', "the optimiser's moments", '4 bytes a moment and trainable parameter'],
    ['average', 'averaged weights', 'as the weights, where the recipe keeps them'],
    ['inputs', 'the batch', 'bytes of its fields'],
    ['activations', 'activations', 'alive after the forward, block by block a linear function of b'],
    ['loss', 'the loss', 'at most while it is computed; fitted'],
    ['peak', 'all together, at most', 'at the worst moment of a step'],
  ];
  const memory = table(
    captions.table(
      html`Memory of each card by kind. The allocations are those of the CPU's operators; a card's own workspaces and the allocator's fragments come on top.`,
    ),
    ['kind', ...told.worlds.map(({ world }) => ({ value: cards(world), numeric: true })), 'how it follows'],
    kinds.map(([kind, name, how]) => [
      name,
      ...told.worlds.map((world) => number(bytes(Math.round(world.memory[kind])))),
      how,
    ]),
  );
  const traffic = table(
    captions.table(
      html`What one of ${last.world} ranks hands to the others in a step. On each link of the ring of P ranks: ${Object.entries(
        ringFormulas,
      )
        .map(([kind, formula]) => `${kind} ${formula}`)
        .join('; ')}.`,
    ),
    [
      'for',
      'collective',
      { value: 'calls', numeric: true },
      { value: 'bytes', numeric: true },
      'formula',
      'hidden behind the backward',
    ],
    last.traffic.map((one) => [
      one.purpose,
      one.kind,
      one.calls,
      number(bytes(Math.round(one.bytes))),
      one.formula,
      one.overlapped ? 'as far as it lasts' : 'no',
    ]),
  );
  const assumptions = table(
    captions.table(
      html`Given: said on the command line. Published: by the source. Assumed: by nobody; a forecast is as good as these.`,
    ),
    ['what', 'value', 'standing', 'source'],
    told.assumptions.map(({ what, value, standing, source }) => [what, value, standing, source ?? '']),
  );
  return page({
    title: `${told.recipe}: forecast for ${cards(last.world)}`,
    header,
    figures: { grids: {}, figures: [], resumed: [] },
    sections: [
      {
        id: 'worlds',
        title: 'More cards',
        body: [
          chart(efficiencyChart(told.worlds), 'Efficiency by the number of cards.'),
          chart(stepChart(told.worlds), 'What the time of a step is made of.'),
          worlds,
        ],
      },
      { id: 'operations', title: 'Operations', body: parts },
      { id: 'memory', title: 'Memory', body: memory },
      { id: 'traffic', title: 'Traffic', body: last.traffic.length ? traffic : undefined },
      {
        id: 'assumptions',
        title: 'What this rests on',
        body: [assumptions, ...told.warnings.map((warning) => html`<p>${warning}</p>`)],
      },
    ],
  });
}

const ms = (seconds: number) => (1000 * seconds).toPrecision(4);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const cards = (world: number) => (world === 1 ? '1 card' : `${count(world)} cards`);
