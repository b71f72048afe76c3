import { Html, html } from '../report/html.js';
import type { WorldForecast } from './forecast.js';

const width = 720;
const height = 320;
const margin = { left: 56, right: 16, top: 16, bottom: 44 };
const ticks = [0, 0.25, 0.5, 0.75, 1];

const parts = [
  ['arithmetic', 'arithmetic'],
  ['optimiser', 'update of the weights'],
  ['exposed', 'communication that is not hidden'],
] as const;

/** Efficiency over the number of cards, doublings at even distances. */
export function efficiencyChart(worlds: readonly WorldForecast[]): Html {
  const place = axis(worlds);
  const y = (share: number) => margin.top + (1 - share) * (height - margin.top - margin.bottom);
  const dots = worlds.map(
    ({ world, efficiency }) =>
      html`<circle cx="${r(place(world))}" cy="${r(y(Math.min(1, efficiency)))}" r="4" fill="currentColor"><title>${world} cards: ${(100 * efficiency).toFixed(1)} %</title></circle>`,
  );
  const line = worlds.map(({ world, efficiency }) => `${r(place(world))},${r(y(Math.min(1, efficiency)))}`).join(' ');
  return frame(
    worlds,
    `Efficiency from ${worlds[0]!.world} to ${worlds.at(-1)!.world} cards: ${worlds.map(({ world, efficiency }) => `${world}: ${(100 * efficiency).toFixed(0)} %`).join(', ')}`,
    (share) => `${100 * share} %`,
    html`<polyline points="${line}" fill="none" stroke="currentColor" stroke-width="2"/>${dots}`,
  );
}

/** What a step's time is made of, each world's whole. */
export function stepChart(worlds: readonly WorldForecast[]): Html {
  const place = axis(worlds);
  const room = (width - margin.left - margin.right) / Math.max(worlds.length, 2);
  const high = height - margin.top - margin.bottom;
  const bars = worlds.map(({ world, time }) => {
    let from = margin.top + high;
    return parts.map(([part, name], i) => {
      const size = (high * time[part]) / time.total;
      from -= size;
      return html`<rect class="part-${i}" x="${r(place(world) - room * 0.3)}" y="${r(from)}" width="${r(room * 0.6)}" height="${r(size)}"><title>${world} cards, ${name}: ${(1000 * time[part]).toPrecision(3)} ms</title></rect>`;
    });
  });
  const chart = frame(
    worlds,
    `Shares of a step: ${worlds.map(({ world, time }) => `${world} cards ${parts.map(([part, name]) => `${name} ${((100 * time[part]) / time.total).toFixed(0)} %`).join(', ')}`).join('; ')}`,
    (share) => `${100 * share} %`,
    html`${bars}`,
  );
  const legend = parts.map(
    ([, name], i) =>
      html`<span><svg width="12" height="12" aria-hidden="true"><rect class="part-${i}" width="12" height="12"/></svg> ${name}</span> `,
  );
  return html`${chart}<p class="legend">${legend}</p>`;
}

export const chartStyle = new Html(
  '.forecast{width:100%;height:auto;max-width:46rem}.forecast text{fill:currentColor;font-size:12px}.forecast .rule{stroke:currentColor;opacity:.2}.part-0{fill:#2f6fb3}.part-1{fill:#8a6bbf}.part-2{fill:#d07a2d}',
);

function frame(worlds: readonly WorldForecast[], spoken: string, label: (share: number) => string, inside: Html): Html {
  const place = axis(worlds);
  const high = height - margin.top - margin.bottom;
  const rules = ticks.map((share) => {
    const y = margin.top + (1 - share) * high;
    return html`<line class="rule" x1="${margin.left}" x2="${width - margin.right}" y1="${r(y)}" y2="${r(y)}"/><text x="${margin.left - 8}" y="${r(y + 4)}" text-anchor="end">${label(share)}</text>`;
  });
  const names = worlds.map(
    ({ world }) =>
      html`<text x="${r(place(world))}" y="${height - margin.bottom + 18}" text-anchor="middle">${world}</text>`,
  );
  return html`<svg class="forecast" viewBox="0 0 ${width} ${height}" role="img" aria-label="${spoken}">${rules}${names}<text x="${r((width + margin.left) / 2)}" y="${height - 6}" text-anchor="middle">cards</text>${inside}</svg>`;
}

function axis(worlds: readonly WorldForecast[]): (world: number) => number {
  const low = Math.log2(worlds[0]!.world);
  const span = Math.log2(worlds.at(-1)!.world) - low;
  const room = width - margin.left - margin.right;
  // Bars at the ends need half their width.
  return (world) => margin.left + room * (0.06 + 0.88 * (span === 0 ? 0.5 : (Math.log2(world) - low) / span));
}

const r = (value: number) => value.toFixed(1);
