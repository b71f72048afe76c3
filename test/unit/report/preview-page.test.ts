import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { prepare, prepareFrom } from '../../../src/data/prepare.js';
import { previewOf } from '../../../src/data/preview.js';
import { writePreview } from '../../../src/report/report.js';
import { adapterOf, caption } from '../data/adapter-of.js';
import { pixels, prepared, sourceFolder, temporaryFolder } from '../data/source-folder.js';

const chromium = [
  process.env['CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((place) => place !== undefined && existsSync(place));
if (chromium === undefined)
  console.warn('no Chromium found (CHROMIUM names one): the preview is not tried in a browser');

test('one in three rows is shown, with the very pixels of the shards', async () => {
  const { table } = await sourceFolder(10);
  const to = temporaryFolder();
  await prepared(table, to, { limits: { batchRows: 4 } });
  const { rows, every } = await previewOf(to, 3);
  expect(every).toBe(3);
  expect(rows.map(({ row, sample }) => [row, sample])).toEqual([
    [0, 'row-0000001'],
    [3, 'row-0000004'],
    [6, 'row-0000007'],
    [9, 'row-0000010'],
  ]);
  const { images, texts, patient } = rows[1]!;
  expect(patient).toBe('p3');
  expect(texts).toMatchObject([{ kind: 'caption', language: 'en', body: expect.stringContaining('Nodule of 3 mm') }]);
  expect(images).toMatchObject([
    { id: 'image-0003', size: { height: 32, width: 48 }, source: { height: 40, width: 60 } },
  ]);
  const shown = await sharp(Buffer.from(images[0]!.picture!.split(',')[1]!, 'base64'))
    .raw()
    .toBuffer();
  const wanted = await sharp(pixels(60, 40, 3, 3), { raw: { width: 60, height: 40, channels: 3 } })
    .resize(48, 32, { kernel: 'lanczos3' })
    .raw()
    .toBuffer();
  expect(shown.equals(wanted)).toBe(true);
});

test('more than sixty rows become evenly fewer, and the page says so', async () => {
  const to = temporaryFolder();
  const rows150 = Array.from({ length: 150 }, (_, i) => ({ texts: [caption(`Nodule of ${i} mm.`)] }));
  await prepareFrom(adapterOf(rows150), to, { from: to, to: join(to, 'data'), tokenizer: 'train:100' }).done;
  const { rows, every } = await previewOf(join(to, 'data'), 1);
  expect(every).toBe(3);
  expect(rows).toHaveLength(50);
  const page = readFileSync(await writePreview(join(to, 'data'), 1), 'utf8');
  expect(page).toContain('it shows one in 3');
});

test.each([0, -1, 1.5, Number.NaN])('one in %s rows is refused', async (every) => {
  await expect(previewOf(temporaryFolder(), every)).rejects.toMatchObject({ code: 'bad-option' });
});

test('texts, names and flags of a data set write no markup, and the page asks nobody for anything', async () => {
  const { folder, table } = await sourceFolder(3);
  const evil = '</script><img src=http://x.invalid/a onerror=alert(1)> & "quoted"';
  writeFileSync(table, 'path,report,patient,finding\n');
  for (const [i, label] of ['1', '0', '-1'].entries())
    appendFileSync(table, `image-000${i}.png,"${evil.replaceAll('"', '""')} ${i}",<b>${i}</b>,${label}\n`);
  const to = join(folder, 'data');
  await prepared(table, to, {}, { label: ['finding'] });
  const file = await writePreview(to, 1);
  const page = readFileSync(file, 'utf8');
  expect(file).toBe(join(to, 'preview.html'));
  expect(page).not.toContain('<img src=http');
  expect(page).not.toContain('<b>0</b>');
  expect(page).toContain('&#60;img src=http');
  expect(page).toContain("default-src 'none'");
  for (const state of ['positive', 'negative', 'uncertain']) expect(page).toContain(`class="state-${state}"`);
  expect([...page.matchAll(/(?:src|href)="([^"]*)"/g)].every(([, to]) => /^(?:data:image\/|#)/.test(to!))).toBe(true);
});

test('a preparation that was stopped and went on shows the same page', async () => {
  const { table } = await sourceFolder(24);
  const [whole, stopped] = [temporaryFolder(), temporaryFolder()];
  const limits = { batchRows: 3, shardBytes: 20_000 };
  await prepared(table, whole, { limits });
  const adapter = { image: ['path'], text: ['report'], group: 'patient' };
  const options = { dataset: 'table', from: table, to: stopped, size: 32, tokenizer: 'train:200', limits, adapter };
  const run = prepare(options);
  let shards = 0;
  await expect(
    (async () => {
      for await (const event of run) if (event.type === 'shard' && ++shards === 2) run.stop();
    })(),
  ).rejects.toMatchObject({ code: 'stopped' });
  await prepare({ ...options, resume: true }).done;
  const pages = [];
  for (const folder of [whole, stopped]) pages.push(readFileSync(await writePreview(folder, 2), 'utf8'));
  expect(pages[1]).toBe(pages[0]);
});

test.skipIf(chromium === undefined).each(['light', 'dark'] as const)(
  'in a browser, %s: pictures are seen, folds open by the keyboard, nothing is asked for',
  async (colorScheme) => {
    const { table } = await sourceFolder(4);
    const to = temporaryFolder();
    writeFileSync(table, 'path,report,finding\n');
    for (let i = 0; i < 4; i++) appendFileSync(table, `image-000${i}.png,"${'Clear lungs. '.repeat(80)}",${i % 2}\n`);
    await prepared(table, to, {}, { label: ['finding'], group: undefined });
    const file = await writePreview(to, 1);
    const { chromium: driver } = await import('playwright-core');
    const browser = await driver.launch({ executablePath: chromium!, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage({ colorScheme, viewport: { width: 390, height: 800 } });
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('request', (request) => {
        if (!/^(file|data):/.test(request.url())) complaints.push(`request to ${request.url()}`);
      });
      await page.goto(`file://${file}`);
      const widths = await page.locator('.preview img').evaluateAll(async (all) => {
        // biome-ignore lint/suspicious/noExplicitAny: runs in the browser, whose types are not here
        const images = all as any[];
        for (const image of images) image.loading = 'eager';
        await Promise.all(images.map((image) => image.decode()));
        return images.map((image) => image.naturalWidth);
      });
      expect(widths).toEqual([48, 48, 48, 48]);
      const fold = page.locator('.preview details').first();
      await fold.locator('summary').focus();
      await page.keyboard.press('Enter');
      expect(await fold.locator('li').isVisible()).toBe(true);
      const said = page.locator('.said').first();
      await said.focus();
      expect(await said.evaluate((element) => element.matches(':focus'))).toBe(true);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
        colorScheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 27)',
      );
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  },
);
