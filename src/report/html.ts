/** Text that is already HTML. Whatever is not gets escaped on its way in: data sets and errors write no markup. */
export class Html {
  constructor(readonly text: string) {}
}

export type Content = Html | string | number | null | undefined | readonly Content[];

/** html`<td>${anything}</td>` escapes what is not Html. */
export function html(parts: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(parts.reduce((text, part, i) => text + rendered(values[i - 1]) + part));
}

function rendered(value: Content): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(rendered).join('');
  return String(value).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Numbers its captions, so that a page can be cited: Figure 3, Table 2. */
export class Captions {
  #figures = 0;
  #tables = 0;

  figure(text: Content): Html {
    return html`<figcaption><b>Figure ${++this.#figures}.</b> ${text}</figcaption>`;
  }

  table(text: Content): Html {
    return html`<caption><b>Table ${++this.#tables}.</b> ${text}</caption>`;
  }
}

export type Cell = Content | { value: Content; numeric?: boolean; share?: number; className?: string };

/** A table with a caption; the first cell of each row is its heading. */
export function table(
  caption: Html,
  columns: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  className = '',
): Html {
  const head = columns.map((column) => html`<th scope="col" class="${classes(column)}">${content(column)}</th>`);
  const body = rows.map((row) => {
    const cells = row.map((cell, i) => {
      const bar = share(cell);
      const style = bar === undefined ? '' : html` style="--share:${(100 * bar).toFixed(1)}%"`;
      return i === 0
        ? html`<th scope="row" class="${classes(cell)}">${content(cell)}</th>`
        : html`<td class="${classes(cell)}"${style}>${content(cell)}</td>`;
    });
    return html`<tr>${cells}</tr>\n`;
  });
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Table, scrolls sideways"><table class="${className}">${caption}<thead><tr>${head}</tr></thead><tbody>\n${body}</tbody></table></div>`;
}

function described(cell: Cell): cell is Exclude<Cell, Content> {
  return typeof cell === 'object' && cell !== null && 'value' in cell;
}

function content(cell: Cell): Content {
  return described(cell) ? cell.value : cell;
}

function share(cell: Cell): number | undefined {
  return described(cell) ? cell.share : undefined;
}

function classes(cell: Cell): string {
  if (!described(cell)) return typeof cell === 'number' ? 'number' : '';
  const names = [
    cell.numeric || typeof cell.value === 'number' ? 'number' : '',
    cell.share === undefined ? '' : 'bar',
    cell.className ?? '',
  ];
  return names.filter((name) => name !== '').join(' ');
}
