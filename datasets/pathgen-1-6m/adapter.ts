/** PathGen-1.6M: places in TCGA's slides with captions by language models; one row a place, cut out of its slide. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, isAbsolute, join, parse } from 'node:path';
import { z } from 'zod';
import type { DatasetAdapter, Origin, SourceImage, SourceReject, SourceRow } from '../../src/data/adapter.js';
import { jsonItems } from '../../src/data/formats/json-members.js';
import { GadoliniumError } from '../../src/errors.js';
import { type SlideHeader, slideHeader } from './slide-header.js';

const options = z.strictObject({
  /** Folder of the slides, searched with its folders; default: `--from`. */
  slides: z.string().optional(),
  /** Folder of pictures that were cut already, named SLIDE_X_Y.png as the authors' script does; slides are not needed then. */
  patches: z.string().optional(),
});
type Options = z.infer<typeof options>;

const LIST = 'PathGen-1.6M.json';
/** Pixels of a side, at the slide's full size. */
const SIDE = 672;
/** Packings of slides that the decoder of pictures does not know. */
const JPEG_2000 = [33003, 33004, 33005];

const adapter: DatasetAdapter<Options> = {
  name: 'pathgen-1-6m',
  title: 'PathGen-1.6M',
  version: '1',
  licence: 'CC-BY-4.0-research',
  licenceText: 'CC BY 4.0 with terms of non-commercial research in the same file; slides: open tier of TCGA',
  access: 'open: the list is the data set jamessyx/PathGen of the Hugging Face hub; slides by file_id with gdc-client',
  modalities: ['WSI'],
  options: options as z.ZodType<Options>,

  describe: () => ({
    splitRule:
      'the release has no splits: drawn by the hash of the patient (first 12 characters of the slide); train 0.8, valid 0.1, test 0.1',
  }),

  async *rows({ from, options }) {
    const list = listOf(from);
    const pictures = options.patches === undefined ? new Slides(from, options.slides) : undefined;
    let row = 0;
    for await (const item of jsonItems(list)) {
      const origin = { file: basename(list), row };
      row++;
      const place = placeOf(item);
      if (typeof place === 'string') yield reject('bad_row', place, 'wsi_id, position, caption', origin);
      else if (pictures !== undefined) yield pictures.row(place, origin);
      else {
        const name = `${place.slide}_${place.x}_${place.y}.png`;
        yield toRow(place, { id: name.slice(0, -4), file: join(pathIn(from, options.patches!), name) }, {}, origin);
      }
    }
  },
};
export default adapter;

const reject = (code: string, reason: string, field: string, origin: Origin): SourceReject => ({
  reject: { code, reason, field, origin },
});

const pathIn = (from: string, path: string) => (isAbsolute(path) ? path : join(from, path));

/** By its name, or the only JSON file there. */
function listOf(from: string): string {
  if (existsSync(join(from, LIST))) return join(from, LIST);
  const found = existsSync(from) ? readdirSync(from).filter((name) => /\.json(?:\.gz)?$/u.test(name)) : [];
  if (found.length === 1) return join(from, found[0]!);
  throw GadoliniumError.expected('no-source', `'${LIST}'`, `the PathGen release ${from}`, found.join(', ') || 'none');
}

interface Place {
  slide: string;
  x: number;
  y: number;
  caption: string;
  file: string;
}

/** The place, or what is wrong. Its numbers are texts; the authors' script calls wsi_id WSI_id. */
function placeOf(item: unknown): Place | string {
  const { wsi_id, WSI_id, position, caption, file_id } = (item ?? {}) as Record<string, unknown>;
  const slide = wsi_id ?? WSI_id;
  if (typeof slide !== 'string' || slide === '') return 'no wsi_id';
  const [x, y] = (Array.isArray(position) ? position : []).map((value) =>
    /^\d+$/u.test(`${value}`) ? Number(value) : -1,
  );
  if (x === undefined || y === undefined || x < 0 || y < 0) return `no place: ${JSON.stringify(position)}`;
  if (typeof caption !== 'string') return 'no caption';
  return { slide, x, y, caption, file: typeof file_id === 'string' ? file_id : '' };
}

/** SLIDE.svs below a folder: flat, or each in a folder called as its file_id, as gdc-client leaves them. */
class Slides {
  private readonly folder: string;
  private readonly paths = new Map<string, string>();
  private readonly headers = new Map<string, SlideHeader | undefined>();

  constructor(from: string, given: string | undefined) {
    this.folder = given === undefined ? from : pathIn(from, given);
    const found = existsSync(this.folder) ? readdirSync(this.folder, { recursive: true, encoding: 'utf8' }).sort() : [];
    // Letters of the uuid are small in some lists and large in others.
    for (const path of found)
      if (path.toLowerCase().endsWith('.svs')) this.paths.set(parse(path).name.toLowerCase(), join(this.folder, path));
  }

  row(place: Place, origin: Origin): SourceRow | SourceReject {
    const path = this.paths.get(place.slide.toLowerCase());
    const file = path ?? join(this.folder, `${place.slide}.svs`);
    const header = path === undefined ? undefined : this.header(path);
    if (header !== undefined && JPEG_2000.includes(header.compression)) {
      const reason = `${basename(file)} is packed as JPEG 2000 (${header.compression}): cut it with OpenSlide, and use the option patches`;
      return reject('unsupported_slide', reason, 'wsi_id', origin);
    }
    const { x, y } = place;
    const image = { id: idOf(place), file, part: { x, y, width: SIDE, height: SIDE } };
    const meta: Record<string, string> = {};
    if (header?.mpp !== undefined) meta['mpp'] = header.mpp;
    if (header?.magnification !== undefined) meta['magnification'] = header.magnification;
    return toRow(place, image, meta, origin);
  }

  private header(path: string): SlideHeader | undefined {
    if (!this.headers.has(path)) this.headers.set(path, slideHeader(path));
    return this.headers.get(path);
  }
}

const idOf = ({ slide, x, y }: Place) => `${slide}:${x}:${y}`;

function toRow(
  place: Place,
  image: Pick<SourceImage, 'id' | 'file' | 'part'>,
  meta: Record<string, string>,
  origin: Origin,
): SourceRow {
  return {
    id: idOf(place),
    // TCGA-AA-3844 of TCGA-AA-3844-01Z-00-DX1.UUID
    patient: place.slide.slice(0, 12),
    images: [{ ...image, modality: 'WSI', field: 'wsi_id, position' }],
    texts: [{ kind: 'caption', lang: 'en', body: place.caption, origin: 'llm', field: 'caption' }],
    meta: { ...(place.file === '' ? {} : { file_id: place.file }), ...meta },
    sourceRef: place.slide,
    origin,
  };
}
