/**
 * A data folder's tokenizer: texts to token ids, sentence by sentence, without special tokens (training puts those around the
 * joined sentences). The work is done by the Rust tokenizers library off the JavaScript thread.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Tokenizer } from 'tokenizers';
import { GadoliniumError } from '../../errors.js';
import { TOKENIZER_FILE, type TokenizerSummary } from '../manifest.js';
import { sentences } from './sentences.js';

export class TextTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    readonly summary: TokenizerSummary,
    /** The text of its tokenizer.json. */
    readonly json: string,
  ) {}

  /** From the text of a tokenizer.json. `name`: what it was made from, for people. */
  static async from(json: string, name: string): Promise<TextTokenizer> {
    let tokenizer: Tokenizer;
    try {
      tokenizer = Tokenizer.fromString(json);
    } catch (error) {
      throw new GadoliniumError(
        'bad-tokenizer',
        `expected a tokenizer.json for ${name} but got: ${(error as Error).message}`,
      );
    }
    tokenizer.disablePadding();
    tokenizer.disableTruncation();
    const parsed = JSON.parse(json) as {
      model: { type?: string; unk_token?: string | null };
      padding?: { pad_id?: number } | null;
    };
    const id = (token: string | null | undefined) => (token ? tokenizer.tokenToId(token) : null);
    const around = (await tokenizer.encode('', null, { addSpecialTokens: true })).getIds();
    const summary: TokenizerSummary = {
      file: TOKENIZER_FILE,
      name,
      model: parsed.model.type ?? 'unknown',
      vocabulary: tokenizer.getVocabSize(true),
      sha256: createHash('sha256').update(json).digest('hex'),
      special: {
        start: around.length > 1 ? around[0]! : null,
        end: around.length > 0 ? around.at(-1)! : null,
        pad: parsed.padding?.pad_id ?? id('[PAD]') ?? id('<pad>') ?? 0,
        unknown: id(parsed.model.unk_token),
        mask: id('[MASK]') ?? id('<mask>'),
      },
      joiner: await joinerOf(tokenizer, name),
    };
    return new TextTokenizer(tokenizer, summary, json);
  }

  /** From a tokenizer.json file, such as the one of a data folder. */
  static async open(path: string, name = path): Promise<TextTokenizer> {
    return TextTokenizer.from(readFileSync(path, 'utf8'), name);
  }

  /** Ids of whole texts, without special tokens. */
  async encode(texts: readonly string[]): Promise<number[][]> {
    if (texts.length === 0) return [];
    const encodings = await this.tokenizer.encodeBatch([...texts], { addSpecialTokens: false });
    return encodings.map((encoding) => encoding.getIds());
  }

  /** Ids by sentence: [text][sentence][token]. Joining a text's sentences gives the ids of its sentences joined by blanks. */
  async encodeSentences(texts: readonly string[]): Promise<number[][][]> {
    const cut = texts.map(sentences);
    const { joiner } = this.summary;
    const flat = await this.encode(
      cut.flatMap((pieces) => pieces.map((piece, i) => (i === 0 ? piece : joiner + piece))),
    );
    let at = 0;
    return cut.map((pieces) => pieces.map(() => flat[at++]!));
  }
}

/** What to put before a later sentence so that ids may be joined: nothing for BERT and CLIP, a blank for byte-level BPE. */
async function joinerOf(tokenizer: Tokenizer, name: string): Promise<string> {
  const [a, b] = ['The lungs are clear.', 'No pleural effusion is seen (2.5 cm).'];
  const ids = async (text: string) => (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds().join();
  const joined = await ids(`${a} ${b}`);
  for (const joiner of ['', ' ']) if (`${await ids(a)},${await ids(joiner + b)}` === joined) return joiner;
  throw GadoliniumError.expected(
    'bad-tokenizer',
    'a tokenizer whose sentence ids can be joined',
    name,
    'one that splits across sentence ends',
    'use a WordPiece, BPE or byte-level BPE tokenizer',
  );
}
