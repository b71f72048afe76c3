import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeReport } from '../../../src/report/report.js';
import { wholeRun } from '../../fixtures/run-events.js';

const places = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const chromium = places.find((place) => place !== undefined && existsSync(place));
if (chromium === undefined)
  console.warn('no Chromium found (CHROMIUM names one): the report is not tried in a browser');

describe.skipIf(chromium === undefined)('the report in a browser', () => {
  let folder: string;
  let browser: Browser;
  let file: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-browser-'));
    writeFileSync(
      path.join(folder, 'events.jsonl'),
      wholeRun()
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    );
    file = await writeReport(folder);
    const { chromium: driver } = await import('playwright-core');
    browser = await driver.launch({ executablePath: chromium!, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(colorScheme: 'light' | 'dark'): Promise<{ page: Page; complaints: string[] }> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1200, height: 900 } });
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(`request to ${request.url()}`);
    });
    await page.goto(`file://${file}`);
    return { page, complaints };
  }

  /** Whether anything is drawn in a chart, and how light its paper is. */
  const inked = (page: Page, id: string) =>
    page.locator(`[data-figure="${id}"] canvas`).evaluate((canvas) => {
      const { width, height } = canvas as unknown as { width: number; height: number };
      // biome-ignore lint/suspicious/noExplicitAny: runs in the browser, whose types are not here
      const { data } = (canvas as any).getContext('2d').getImageData(0, 0, width, height);
      let colourful = 0;
      for (let i = 0; i < data.length; i += 4)
        if (data[i + 3] > 200 && Math.abs(data[i] - data[i + 2]) > 60) colourful++;
      return colourful;
    });

  it.each(['light', 'dark'] as const)('draws every chart in %s, without a complaint or a request', async (scheme) => {
    const { page, complaints } = await open(scheme);
    const ids = await page
      .locator('[data-figure]')
      .evaluateAll((all) => all.map((one) => one.getAttribute('data-figure')!));
    expect(ids.length).toBeGreaterThan(12);
    for (const id of ids) expect(await inked(page, id), id).toBeGreaterThan(100);
    const paper = await page.evaluate('getComputedStyle(document.body).backgroundColor');
    expect(paper).toBe(scheme === 'light' ? 'rgb(255, 255, 255)' : 'rgb(20, 23, 27)');
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('is used by keyboard and tells a screen reader what stands under the cursor', async () => {
    const { page, complaints } = await open('light');
    const chart = page.locator('[data-figure="loss"]');
    expect(await chart.getAttribute('aria-label')).toMatch(/^Loss over steps 1 to 2000: total from 7\.\d+ to 1\.\d+; /);
    await chart.focus();
    await page.keyboard.press('Home');
    expect(await chart.getAttribute('aria-label')).toMatch(/^Step 1: total 7\.\d+, global-contrast /);
    await page.keyboard.press('ArrowRight');
    expect(await chart.getAttribute('aria-label')).toMatch(/^Step [2-4]: /);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const first = page.locator('[data-legend="loss"] button').first();
    expect(await first.getAttribute('aria-pressed')).toBe('false');
    expect(await inked(page, 'loss')).toBeGreaterThan(100);
    await page.locator('[data-legend="loss"] .scale').click();
    expect(await page.locator('[data-legend="loss"] .scale').textContent()).toBe('linear scale');
    expect(await inked(page, 'loss')).toBeGreaterThan(100);
    // Areas lie on each other: without the lowest, the others sink.
    const before = await inked(page, 'step-time');
    await page.locator('[data-legend="step-time"] button', { hasText: 'backward' }).click();
    expect(await inked(page, 'step-time')).not.toBe(before);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it('fits a narrow screen', async () => {
    const { page } = await open('light');
    await page.setViewportSize({ width: 390, height: 800 });
    await page.waitForTimeout(200);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
    await page.close();
  });
});
