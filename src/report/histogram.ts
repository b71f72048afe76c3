import type { Distribution } from '../data/statistics/distribution.js';
import { count, figure } from '../events/wording.js';
import { type Captions, type Html, html, table } from './html.js';

const WIDTH = 480;
const HEIGHT = 150;
/** Pixels below the columns, for the numbers. */
const FOOT = 20;

/** A histogram as a drawing of the page itself, with its numbers behind a fold and in words for those who do not see it. */
export function histogram(
  title: string,
  unit: string,
  { least, most, mean, percentiles, histogram, count: all }: Distribution,
  captions: Captions,
): Html {
  // One column says nothing that a sentence does not.
  if (least === most) return html`<p>${title}: ${least} ${unit} for all ${count(all)}.</p>`;
  const { from, width, counts } = histogram;
  const highest = Math.max(...counts);
  const step = WIDTH / counts.length;
  const last = from + counts.length * width - 1;
  const beyond = most > last;
  function range(i: number): string {
    const start = from + i * width;
    if (beyond && i === counts.length - 1) return `${start} and more`;
    return width === 1 ? String(start) : `${start} – ${start + width - 1}`;
  }
  const columns = counts.map((n, i) => {
    const height = ((HEIGHT - FOOT - 4) * n) / highest;
    return html`<rect x="${round(i * step)}" y="${round(HEIGHT - FOOT - height)}" width="${round(Math.max(1, step - 1))}" height="${round(height)}"><title>${range(i)}: ${count(n)}</title></rect>`;
  });
  const spoken = `${title}: ${count(all)} values from ${least} to ${most}, median ${percentiles['50']}.`;
  const facts = `median ${percentiles['50']}, mean ${figure(mean)}, 5 – 95 %: ${percentiles['5']} – ${percentiles['95']}, least ${least}, most ${most}`;
  const numbers = table(
    html`<caption>${title}</caption>`,
    [unit, { value: 'count', numeric: true }],
    counts.map((n, i) => [range(i), { value: count(n), numeric: true }]),
  );
  return html`<figure class="chart"><svg class="histogram" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="xMinYMid" role="img" aria-label="${spoken}">
<line x1="0" x2="${WIDTH}" y1="${HEIGHT - FOOT}" y2="${HEIGHT - FOOT}"/>${columns}
<text x="0" y="${HEIGHT - 5}">${from}</text><text x="${WIDTH}" y="${HEIGHT - 5}" text-anchor="end">${beyond ? `${from + (counts.length - 1) * width} and more` : last}</text>
</svg>
${captions.figure(html`${title} <span class="unit">[${unit}]</span>: ${facts}.`)}
<details><summary>Numbers</summary>${numbers}</details></figure>`;
}

const round = (value: number) => Number(value.toFixed(1));
