/**
 * Every way to name a tokenizer becomes the text of one `tokenizer.json`: such a file itself, a BERT `vocab.txt`, CLIP's list
 * of merges, or a vocabulary trained from the data set's own texts.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { Tokenizer } from 'tokenizers';
import { GadoliniumError } from '../../errors.js';
import { addon } from '../../native/addon.js';
import { SPECIAL_TOKENS, trainWordPiece } from './wordpiece-training.js';

type Json = Record<string, unknown>;

/** `train:N`: the number of pieces; undefined when the words name a file. */
export function trainedSize(spec: string): number | undefined {
  const match = /^train:(\d+)$/.exec(spec);
  if (match === null) return undefined;
  const size = Number(match[1]);
  if (size < 100 || size > 200_000) {
    throw GadoliniumError.expected('bad-tokenizer', 'between 100 and 200,000 pieces', '--tokenizer', spec);
  }
  return size;
}

/** The tokenizer.json of a file: *.json, vocab.txt, merges (*.txt whose lines are pairs, also gzipped), or a checkpoint of ours. */
export function tokenizerJsonOf(path: string, options: { lowercase: boolean }): string {
  if (path.endsWith('.safetensors')) return tokenizerOfCheckpoint(path);
  let text: string;
  try {
    const bytes = readFileSync(path);
    text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
  } catch (error) {
    throw new GadoliniumError(
      'no-tokenizer',
      `expected a tokenizer.json, vocab.txt or merges file for --tokenizer but could not read ${path}: ${(error as Error).message}`,
      {
        advice: 'give a file, or train:N to make a vocabulary of N pieces from the data set’s own texts',
      },
    );
  }
  if (text.trimStart().startsWith('{')) return canonical(parsed(text, path));
  const lines = text.split(/\r?\n/u);
  if (lines.includes('[UNK]')) return canonical(wordPieceJson(withoutTail(lines), options));
  const merges = lines.slice(lines[0]?.startsWith('#version') || lines[0]?.startsWith('"bpe_simple_vocab') ? 1 : 0);
  if (/^\S+ \S+$/u.test(merges[0] ?? '')) return canonical(clipJson(withoutTail(merges)));
  throw GadoliniumError.expected(
    'bad-tokenizer',
    'a tokenizer.json, a BERT vocab.txt (with a line [UNK]) or a list of merges',
    path,
    basename(path),
  );
}

/** Gathers the words of texts and trains a vocabulary: lower case, accents stripped, split at blanks and punctuation like BERT's. */
export class VocabularyTraining {
  private readonly words = new Map<string, number>();
  private readonly splitter = Tokenizer.fromString(canonical(wordPieceJson([...SPECIAL_TOKENS], { lowercase: true })));
  private readonly normalizer = this.splitter.getNormalizer()!;
  private readonly preTokenizer = this.splitter.getPreTokenizer()!;

  add(text: string): void {
    for (const [word] of this.preTokenizer.preTokenizeString(this.normalizer.normalizeString(text))) {
      if (word.length <= 100) this.words.set(word, (this.words.get(word) ?? 0) + 1);
    }
  }

  /** The tokenizer.json of a vocabulary of at most `size` pieces. */
  json(size: number): string {
    return canonical(wordPieceJson(trainWordPiece(this.words, size), { lowercase: true }));
  }
}

function tokenizerOfCheckpoint(path: string): string {
  const metadata = addon().readCheckpoint(path, false).metadata?.['gadolinium'];
  const { tokenizer } = JSON.parse(metadata ?? '{}') as { tokenizer?: { json: string } | null };
  if (tokenizer) return tokenizer.json;
  throw GadoliniumError.expected('no-tokenizer', 'a checkpoint with a tokenizer', '--tokenizer', path);
}

function parsed(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new GadoliniumError(
      'bad-tokenizer',
      `expected JSON for the tokenizer ${path} but got ${(error as Error).message}`,
    );
  }
}

/** Without truncation: training cuts by itself. */
function canonical(json: Json): string {
  return `${JSON.stringify({ ...json, truncation: null }, null, 1)}\n`;
}

function withoutTail(lines: string[]): string[] {
  const end = lines.findLastIndex((line) => line !== '');
  return lines.slice(0, end + 1);
}

const special = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

function template(start: [string, number], end: [string, number]): Json {
  const piece = ([id]: [string, number], type_id: number) => ({ SpecialToken: { id, type_id } });
  return {
    type: 'TemplateProcessing',
    single: [piece(start, 0), { Sequence: { id: 'A', type_id: 0 } }, piece(end, 0)],
    pair: [
      piece(start, 0),
      { Sequence: { id: 'A', type_id: 0 } },
      piece(end, 0),
      { Sequence: { id: 'B', type_id: 1 } },
      piece(end, 1),
    ],
    special_tokens: Object.fromEntries([start, end].map(([id, number]) => [id, { id, ids: [number], tokens: [id] }])),
  };
}

/** BERT's WordPiece from its vocabulary, one piece a line. */
function wordPieceJson(pieces: string[], { lowercase }: { lowercase: boolean }): Json {
  const vocab = Object.fromEntries(pieces.map((piece, id) => [piece, id]));
  for (const token of ['[UNK]', '[CLS]', '[SEP]']) {
    if (vocab[token] === undefined)
      throw GadoliniumError.expected(
        'bad-tokenizer',
        `the piece ${token}`,
        'a WordPiece vocabulary',
        'a vocabulary without it',
      );
  }
  const specials = SPECIAL_TOKENS.filter((token) => vocab[token] !== undefined);
  return {
    version: '1.0',
    added_tokens: specials.map((token) => special(token, vocab[token]!)).sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(['[CLS]', vocab['[CLS]']!], ['[SEP]', vocab['[SEP]']!]),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** CLIP's merges number 48,894; the file of the release holds more, which its vocabulary leaves out. */
const CLIP_MERGES = 49152 - 256 - 2;

/** CLIP's lower-case BPE. Its vocabulary follows from its merges: bytes, bytes at a word's end, merges, two special tokens. */
function clipJson(lines: string[]): Json {
  const merges = lines.slice(0, CLIP_MERGES);
  const bytes = byteCharacters();
  const pieces = [...bytes, ...bytes.map((byte) => `${byte}</w>`), ...merges.map((merge) => merge.replace(' ', ''))];
  const distinct = [...new Set([...pieces, '<|startoftext|>', '<|endoftext|>'])];
  const vocab = Object.fromEntries(distinct.map((piece, id) => [piece, id]));
  const start = vocab['<|startoftext|>']!;
  const end = vocab['<|endoftext|>']!;
  return {
    version: '1.0',
    added_tokens: [special('<|startoftext|>', start), special('<|endoftext|>', end)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: { Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: template(['<|startoftext|>', start], ['<|endoftext|>', end]),
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: '<|endoftext|>',
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges,
    },
  };
}

/** One printable character a byte, printable bytes first: the order of GPT-2's and CLIP's vocabularies. */
function byteCharacters(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const all = [...Array(256).keys()];
  const shown = all.filter(printable);
  const hidden = all.filter((byte) => !printable(byte));
  return [...shown, ...hidden.map((_, i) => 256 + i)].map((code) => String.fromCodePoint(code));
}
