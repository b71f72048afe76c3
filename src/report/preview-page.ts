import type { Preview, PreviewImage, PreviewRow } from '../data/preview.js';
import { count } from '../events/wording.js';
import { type Html, html } from './html.js';
import { page } from './page.js';

/** Letters from which a text may have to be scrolled, also by the keyboard. */
const LONG = 500;

/** One page: rows of a prepared data set as its shards hold them, with pictures, texts by kind, labels and flags. */
export function previewPage(preview: Preview): string {
  const { manifest, rows } = preview;
  const splits = Object.keys(manifest.splits).filter((split) => rows.some((row) => row.split === split));
  const header = html`<div><h1>${manifest.title}</h1><p class="recipe">${count(rows.length)} of ${count(manifest.rows)} rows: one in ${count(preview.every)}</p></div>`;
  return page({
    title: `${manifest.title}, preview – Gadolinium`,
    header,
    sections: [
      { id: 'about', title: 'What is shown', body: about(preview) },
      ...splits.map((split) => ({
        id: `split-${split}`,
        title: split,
        body: html`<div class="gallery preview">${rows.filter((row) => row.split === split).map(card)}</div>`,
      })),
    ],
    figures: { grids: {}, figures: [], resumed: [] },
  });
}

function about({ manifest, asked, every, leftOut }: Preview): Html {
  const notes: (Html | string)[] = [];
  if (manifest.images !== null)
    notes.push(
      html`Pictures as they are stored and as training reads them, before it crops, augments and normalises: <code>${manifest.images.recipe}</code>.`,
    );
  if (every > asked)
    notes.push(`One in ${count(asked)} rows would be too many for a page: it shows one in ${count(every)}.`);
  if (leftOut.images > 0)
    notes.push(
      `${count(leftOut.images)} further images of these rows are not shown: a page stays small, or their pixels are not in the shards.`,
    );
  if (leftOut.texts > 0) notes.push(`${count(leftOut.texts)} further texts of these rows are left out.`);
  notes.push(
    `Pictures and texts of the data set (licence ${manifest.licence}): this page may be passed on only as the data set may.`,
  );
  return html`${notes.map((note) => html`<p class="note">${note}</p>`)}`;
}

function card(row: PreviewRow): Html {
  const labels = row.labels.map(
    ({ vocab, name, state }) =>
      html`<li><span>${name} <small>${vocab}</small></span><span class="state-${state}">${state}</span></li>`,
  );
  const texts = row.texts.map(
    ({ kind, language, body, tokens }) =>
      html`<dt>${kind.replaceAll('_', ' ')}, ${language}${tokens === null ? '' : `, ${count(tokens)} ${tokens === 1 ? 'token' : 'tokens'}`}</dt><dd class="said" lang="${language}"${body.length > LONG ? html` tabindex="0"` : ''}>${body}</dd>`,
  );
  const meta = row.meta.map(([key, value]) => html`<li><span>${key}</span><span>${value}</span></li>`);
  const fold = (title: string, items: Html[]) =>
    items.length > 0 ? html`<details><summary>${title} (${items.length})</summary><ol>${items}</ol></details>` : '';
  return html`<article aria-label="Row ${row.row}, ${row.sample}">
${row.images.map(figure)}
<h4>row ${row.row}: ${row.sample}${row.patient === null ? '' : html`, patient ${row.patient}`}</h4>
<dl>${texts}${row.flags.length > 0 ? html`<dt>flags</dt><dd class="flags">${row.flags.map((flag) => html`<code>${flag}</code> `)}</dd>` : ''}</dl>
${fold('Labels', labels)}${fold('More about it', meta)}
</article>`;
}

function figure({ id, modality, view, size, source, depth, picture }: PreviewImage): Html {
  const stored = `${depth > 1 ? `${depth} × ` : ''}${size.height} × ${size.width}`;
  const before = source === null ? '' : ` of ${source.height} × ${source.width}`;
  const words = [modality, view, `${stored}${before}`, depth > 1 ? 'middle slice' : ''].filter(Boolean).join(', ');
  // Anything but a picture inside the file would be a request, and the page's policy would refuse it.
  const inside = picture !== null && /^data:image\/(png|jpeg);base64,[A-Za-z0-9+/=]*$/.test(picture);
  return html`<figure><div class="picture">${inside ? html`<img src="${picture}" alt="Image ${id}: ${words}" decoding="async" loading="lazy">` : html`<p class="note">no picture</p>`}</div><figcaption>${words}</figcaption></figure>`;
}
