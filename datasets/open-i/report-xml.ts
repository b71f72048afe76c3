/** One report file of Open-i's chest X-ray collection: an XML of fixed form, of which a few elements matter. */

export interface OpenIReport {
  /** CXR1 */
  id: string;
  /** Section name in capitals (COMPARISON, INDICATION, FINDINGS, IMPRESSION) → its text, maybe empty. */
  sections: Map<string, string>;
  /** Image name without ending, in the order of the figures; the caption says how the study was made. */
  images: { id: string; caption: string }[];
  /** Headings that people assigned, such as Pulmonary Atelectasis/base/left, and words that a program found. */
  major: string[];
  automatic: string[];
}

/** undefined: no such file, or one that is cut short. */
export function readReport(xml: string): OpenIReport | undefined {
  const id = /<uId\s+id="([^"]+)"\s*\/>/u.exec(xml)?.[1];
  if (id === undefined || !/<\/eCitation>\s*$/u.test(xml)) return undefined;
  const images = xml.split(/<parentImage\s/u).slice(1);
  return {
    id,
    sections: new Map(
      elements(xml, 'AbstractText').map(({ attributes, text }) => [
        /Label="([^"]*)"/u.exec(attributes)?.[1] ?? '',
        text,
      ]),
    ),
    images: images.map((part) => ({
      id: plain(/^[^>]*\bid="([^"]+)"/u.exec(part)?.[1] ?? ''),
      caption: elements(part, 'caption')[0]?.text ?? '',
    })),
    major: elements(xml, 'major').map(({ text }) => text),
    automatic: elements(xml, 'automatic').map(({ text }) => text),
  };
}

/** Elements that hold text alone, or nothing; their text decoded and trimmed. */
function elements(xml: string, name: string): { attributes: string; text: string }[] {
  const pattern = new RegExp(`<${name}((?:\\s[^>]*?)?)(?:/>|>([^<]*)</${name}>)`, 'gu');
  return [...xml.matchAll(pattern)].map(([, attributes = '', text = '']) => ({ attributes, text: plain(text).trim() }));
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const plain = (text: string) =>
  text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/giu, (whole, hex, decimal, name) => {
    if (name !== undefined) return ENTITIES[name] ?? whole;
    return String.fromCodePoint(hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
