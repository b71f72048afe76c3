// Draws the charts of a report with uPlot, which stands above this script in the page.
(() => {
  const { grids, figures, resumed } = JSON.parse(document.getElementById('figures').textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const paletteSize = 8;
  const drawn = [];

  function said(value) {
    if (value === null || value === undefined) return '–';
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    if (size >= 1000 || Number.isInteger(value)) return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
    return value.toPrecision(4);
  }

  const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 2 });
  const tick = (value) => {
    if (value === null) return '';
    const size = Math.abs(value);
    if (size >= 10000) return compact.format(value);
    if (size !== 0 && size < 1e-3) return value.toExponential(value === Number(value.toExponential(0)) ? 0 : 1);
    return String(Number(value.toPrecision(6)));
  };

  /** The series of one chart as columns of uPlot: for each line its values, then the lower and upper edges of the shades. */
  function columns(figure, hidden) {
    const lines = figure.series.map(({ line }) => line);
    if (!figure.stacked) {
      return [...lines, ...figure.series.flatMap(({ low, high }) => (low ? [low, high] : []))];
    }
    const below = lines[0].map(() => 0);
    return lines.map((line, i) =>
      line.map((value, x) => {
        if (value === null) return null;
        if (!hidden.has(i)) below[x] += value;
        return below[x];
      }),
    );
  }

  function chart(figure) {
    const place = document.querySelector(`[data-figure="${figure.id}"]`);
    const legend = document.querySelector(`[data-legend="${figure.id}"]`);
    const x = grids[figure.grid];
    const hidden = new Set();
    let logarithmic = false;
    let plot;
    const outputs = [];

    function options() {
      const series = [{ label: 'step' }];
      const bands = [];
      figure.series.forEach((one, i) => {
        const stroke = colour(`colour-${(one.colour ?? i) % paletteSize}`);
        series.push({
          label: one.label,
          show: !hidden.has(i),
          stroke,
          width: figure.stacked ? 0 : 1.75,
          pxAlign: 0,
          spanGaps: figure.points === true,
          points: { show: figure.points === true || x.length === 1, size: 6, fill: colour('paper'), stroke },
          ...(figure.stacked && i === 0 ? { fill: `${stroke}c8` } : {}),
        });
        if (figure.stacked && i > 0) bands.push({ series: [i + 1, i], fill: `${stroke}c8`, dir: -1 });
      });
      figure.series.forEach((one, i) => {
        if (!one.low) return;
        const fill = `${colour(`colour-${(one.colour ?? i) % paletteSize}`)}4a`;
        for (const label of ['low', 'high']) {
          series.push({
            label,
            show: !hidden.has(i),
            stroke: 'transparent',
            width: 0,
            pxAlign: 0,
            points: { show: false },
          });
        }
        bands.push({ series: [series.length - 1, series.length - 2], fill });
      });
      const axis = {
        stroke: colour('soft'),
        grid: { stroke: colour('grid'), width: 1 },
        ticks: { stroke: colour('rule'), width: 1, size: 4 },
        font: '12px "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif',
        values: (_, ticks) => ticks.map(tick),
      };
      return {
        width: place.clientWidth,
        height: place.clientHeight,
        legend: { show: false },
        padding: [8, 24, 0, 0],
        scales: {
          x: { time: false },
          y: logarithmic ? { distr: 3 } : { range: (_, low, high) => range(low, high) },
        },
        axes: [
          { ...axis, size: 30, space: 70 },
          { ...axis, size: 46, space: 32 },
        ],
        series,
        bands,
        cursor: { sync: { key: figure.grid }, points: { size: 6 }, drag: { x: true, y: false } },
        hooks: { setCursor: [() => tell()], draw: [(u) => marks(u)] },
      };
    }

    function range(low, high) {
      if (low === null || high === null) return [0, 1];
      const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
      if (figure.zero || figure.stacked) return [0, high > 0 ? high * 1.06 : 1];
      return [low - room, high + room];
    }

    /** Where a session was resumed. */
    function marks(u) {
      if (resumed.length === 0) return;
      const { ctx } = u;
      ctx.save();
      ctx.strokeStyle = colour('soft');
      ctx.fillStyle = colour('soft');
      ctx.textAlign = 'left';
      ctx.lineWidth = devicePixelRatio;
      ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.font = `${11 * devicePixelRatio}px Helvetica, Arial, "Liberation Sans", sans-serif`;
      for (const step of resumed) {
        const at = u.valToPos(step, 'x', true);
        if (at < u.bbox.left || at > u.bbox.left + u.bbox.width) continue;
        ctx.beginPath();
        ctx.moveTo(at, u.bbox.top);
        ctx.lineTo(at, u.bbox.top + u.bbox.height);
        ctx.stroke();
        if (resumed.length < 4) ctx.fillText('resumed', at + 4 * devicePixelRatio, u.bbox.top + 12 * devicePixelRatio);
      }
      ctx.restore();
    }

    /** The values under the cursor, or the last ones. */
    function tell() {
      const under = plot?.cursor.idx ?? null;
      outputs.forEach((output, i) => {
        const { line, low, high } = figure.series[i];
        const at = under ?? line.findLastIndex((value) => value !== null);
        const shaded = low && under !== null && low[at] !== high[at];
        output.textContent = said(line[at]) + (shaded ? ` (${said(low[at])} to ${said(high[at])})` : '');
      });
      where.textContent = under === null ? '' : `step ${x[under].toLocaleString('en-US')}`;
    }

    function redraw() {
      plot?.destroy();
      plot = new uPlot(options(), [x, ...columns(figure, hidden)], place);
      // The parts say what the canvas cannot.
      for (const canvas of place.querySelectorAll('canvas')) canvas.setAttribute('aria-hidden', 'true');
      tell();
    }

    figure.series.forEach((one, i) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.title = 'Show or hide';
      button.setAttribute('aria-pressed', 'true');
      if (figure.stacked) button.className = 'area';
      const swatch = document.createElement('i');
      swatch.style.background = `var(--colour-${(one.colour ?? i) % paletteSize})`;
      const output = document.createElement('output');
      output.setAttribute('aria-live', 'off');
      button.append(swatch, one.label, output);
      button.addEventListener('click', () => {
        if (hidden.has(i)) hidden.delete(i);
        else hidden.add(i);
        button.setAttribute('aria-pressed', String(!hidden.has(i)));
        redraw();
      });
      outputs.push(output);
      legend.append(button);
    });
    const where = document.createElement('output');
    where.setAttribute('aria-live', 'off');
    legend.append(where);
    if (
      figure.logarithm &&
      figure.series.every(({ line, low }) => [...line, ...(low ?? [])].every((v) => v === null || v > 0))
    ) {
      const scale = document.createElement('button');
      scale.type = 'button';
      scale.className = 'scale';
      scale.textContent = 'log scale';
      scale.setAttribute('aria-pressed', 'false');
      scale.addEventListener('click', () => {
        logarithmic = !logarithmic;
        scale.textContent = logarithmic ? 'linear scale' : 'log scale';
        scale.setAttribute('aria-pressed', String(logarithmic));
        redraw();
      });
      legend.append(scale);
    }

    const label = place.getAttribute('aria-label');
    place.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -x.length, End: x.length }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      const at = Math.max(0, Math.min(x.length - 1, (plot.cursor.idx ?? x.length - 1) + by));
      plot.setCursor({ left: plot.valToPos(x[at], 'x'), top: 0 });
      const values = figure.series.map(({ label, line }) => `${label} ${said(line[at])}`);
      place.setAttribute('aria-label', `Step ${x[at]}: ${values.join(', ')}`);
    });
    place.addEventListener('blur', () => place.setAttribute('aria-label', label));

    redraw();
    drawn.push({ redraw, place, resize: () => plot.setSize({ width: place.clientWidth, height: place.clientHeight }) });
  }

  for (const figure of figures) chart(figure);

  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) drawn.find(({ place }) => place === target)?.resize();
  });
  for (const { place } of drawn) observer.observe(place);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    for (const { redraw } of drawn) redraw();
  });
})();
