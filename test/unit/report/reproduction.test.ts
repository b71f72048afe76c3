import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import yargs from 'yargs';
import * as command from '../../../src/cli/report.js';
import { groundingResult } from '../../fixtures/evaluation-results.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gadolinium-reproduction-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** Runs `report`, gives the page that it wrote. */
async function reported(...words: string[]): Promise<string> {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const out = path.join(folder, 'page.html');
  await yargs(['report', ...words, '--out', out, '--open', 'no'])
    .command(command)
    .fail((message, error) => {
      throw error ?? new Error(message);
    })
    .parseAsync();
  return readFileSync(out, 'utf8');
}

/** The cells of the table row whose heading is this. */
function row(page: string, heading: string): string[] {
  const found = new RegExp(`<tr><th scope="row" class="[^"]*">${heading}</th>(.*?)</tr>`, 's').exec(page);
  return [...(found?.[1] ?? '').matchAll(/<td[^>]*>(.*?)<\/td>/gs)].map(([, cell]) => cell!);
}

describe('report --reproduce', () => {
  it('shows what was run again with the difference, what not and why, and the maps', async () => {
    const results = path.join(folder, 'results.jsonl');
    const other = groundingResult({
      task: 'sentence-pairs',
      name: 'biovil-radnli',
      metrics: { auroc: 0.9 },
      protocol: {
        dataset: 'radnli',
        split: 'test',
        samples: 300,
        same: 'entailment',
        different: 'contradiction',
        threshold: 'valid',
      },
      gallery: [],
    });
    writeFileSync(results, `${JSON.stringify(groundingResult())}\n${JSON.stringify(other)}\n`);
    const page = await reported('--reproduce', 'biovil', results);

    expect(row(page, 'BioViL: cnr').slice(0, 6)).toEqual([
      'ms-cxr',
      '1.027',
      '1.050',
      '+0.02300',
      '1.030 – 1.090',
      'no',
    ]);
    expect(row(page, 'BioViL: cnr.Edema').slice(1, 4)).toEqual(['0.9300', '0.9000', '−0.03000']);
    expect(page).toContain('BioViL: cnr.Pneumonia (Boecking et al. 2022) has no value in biovil-ms-cxr');
    expect(page).toContain('model card microsoft/BiomedVLP-CXR-BERT-specialized [card]');
    expect(page).toContain('2 of 1162 phrases take no part');
    expect(page).toContain('biovil.safetensors, recipe biovil');

    const refused = row(page, 'CXR-BERT-specialized');
    expect(refused[1]).toBe('biovil-radnli');
    expect(refused[3]).toBe('threshold: published &#39;cross-validation&#39;, here &#39;valid&#39;');
    expect(page).toContain('gadolinium evaluate biovil-rsna --checkpoint FILE');
    expect(page).toContain('fine-tuning a classifier of sentence pairs on MedNLI does not exist here');

    expect(page).toContain('alt="Held-out image s5: Edema: &#60;b&#62;vascular&#60;/b&#62; congestion (CNR 0.900)"');
    expect(page).not.toContain('Best texts');
    expect(page).not.toMatch(/(src|href)="(?!#|data:image\/)/);
  });

  it('says without results what there is to run', async () => {
    const page = await reported('--reproduce', 'medklip');
    expect(page).toMatch(/numbers run again<\/dt><dd>0</);
    expect(page).not.toContain('id="re-run"');
    expect(row(page, 'MedKLIP')[3]).toMatch(/^no result was given: gadolinium evaluate medklip-/);
    expect(page).toContain('a query made of a description that the model was not trained with');
  });

  it('asks for a run or a paper', async () => {
    await expect(reported()).rejects.toThrow('name a run folder, or a paper with --reproduce');
    await expect(reported('--reproduce', 'clip')).rejects.toThrow();
  });
});
