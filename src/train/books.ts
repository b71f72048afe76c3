/** Before a run's first step: vectors of texts that are its constants. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StoredTensor, writeSafetensors } from '../checkpoint/safetensors.js';
import type { ResolvedConfig } from '../config/schema.js';
import { GadoliniumError } from '../errors.js';
import { openModel } from '../model/open.js';
import type { Engine } from '../native/engine.js';

/**
 * Encodes the texts of `books` by its model and hands the vectors to the parts that want them. Without a model a warning says that they
 * stay as drawn. Throws `bad-book`, and `init-mismatch` where number or width are not those of the part.
 */
export async function fillBooks(
  engine: Engine,
  { books, train }: ResolvedConfig,
  warn: (code: string, message: string) => void,
): Promise<void> {
  if (!books) return;
  const parts = Object.values(books.texts).map(({ into }) => into);
  if (!books.model) {
    warn(
      'drawn-vectors',
      `the texts of ${parts.join(' and ')} have drawn vectors: give a text model with --set books.model=FILE.safetensors`,
    );
    return;
  }
  const model = await openModel(books.model, {
    ...(train.threads ? { threads: train.threads } : {}),
    device: 'cpu',
    texts: { maxTokens: books.maxTokens, sentences: 0, ...(books.endToken ? {} : { endId: -1 }) },
  });
  const folder = mkdtempSync(join(tmpdir(), 'gadolinium-books-'));
  try {
    const tensors = new Map<string, StoredTensor>();
    for (const [name, { from }] of Object.entries(books.texts)) {
      const texts = typeof from === 'string' ? textsOf(from, name) : from;
      const { features, present } = await model.embed({
        data: { kind: 'texts', texts: [...texts], modality: books.feature.split('.')[0] ?? 'text' },
        rows: Uint32Array.from(texts, (_, i) => i),
        features: [books.feature],
      });
      const vectors = features[books.feature];
      const lost = present.indexOf(0);
      if (!vectors || lost >= 0) {
        throw GadoliniumError.expected('bad-book', 'a vector of every text', `books.texts.${name}`, texts[lost]);
      }
      const { data, rows, width } = vectors;
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      tensors.set(`${name}.vectors`, { dtype: 'F32', shape: [rows, width], pieces: () => [bytes] });
    }
    const file = join(folder, 'books.safetensors');
    writeSafetensors(file, tensors, {});
    await engine.later('fill', {
      file,
      parts: Object.entries(books.texts).map(([name, { into }]) => ({
        into: `${into}.book`,
        from: name,
        optional: [],
      })),
    });
  } finally {
    await model.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The texts of a file, in their order. */
function textsOf(file: string, name: string): string[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw GadoliniumError.expected(
      'bad-book',
      'a file that can be read',
      `books.texts.${name}.from`,
      (error as Error).message,
    );
  }
  let texts: unknown;
  try {
    texts = Object.values(JSON.parse(text) as object);
  } catch {
    texts = text.replace(/\r?\n$/, '').split(/\r?\n/);
  }
  const bad = (texts as unknown[]).findIndex((one) => typeof one !== 'string' || one.trim() === '');
  if (bad >= 0) {
    throw GadoliniumError.expected('bad-book', 'texts alone', `books.texts.${name}.from`, `${file}, entry ${bad + 1}`);
  }
  return texts as string[];
}
