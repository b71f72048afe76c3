/** Small DICOM files of made-up radiographs (explicit VR little endian): for synthetic releases and tests. */

export interface WrittenDicom {
  rows: number;
  columns: number;
  /** Grey values, or one JPEG of 8 bits. */
  pixels: Uint16Array | Uint8Array | { jpeg: Uint8Array };
  photometric?: 'MONOCHROME1' | 'MONOCHROME2';
  bitsStored?: number;
  modality?: string;
  view?: string;
  studyDate?: string;
  studyTime?: string;
  /** Made of digits and dots; names the file and its study. */
  uid?: string;
}

const EXPLICIT = '1.2.840.10008.1.2.1';
const JPEG_BASELINE = '1.2.840.10008.1.2.4.50';
const CR_STORAGE = '1.2.840.10008.5.1.4.1.1.1';

export function dicomFile(said: WrittenDicom): Buffer {
  const { rows, columns, pixels, photometric = 'MONOCHROME2', modality = 'CR', uid = '1.2.3.4' } = said;
  const bits = pixels instanceof Uint16Array ? 16 : 8;
  const meta = Buffer.concat([
    element(0x0002, 0x0001, 'OB', Buffer.from([0, 1])),
    element(0x0002, 0x0002, 'UI', CR_STORAGE),
    element(0x0002, 0x0003, 'UI', uid),
    element(0x0002, 0x0010, 'UI', 'jpeg' in pixels ? JPEG_BASELINE : EXPLICIT),
  ]);
  const data = [
    element(0x0008, 0x0016, 'UI', CR_STORAGE),
    element(0x0008, 0x0018, 'UI', uid),
    element(0x0008, 0x0020, 'DA', said.studyDate ?? ''),
    element(0x0008, 0x0030, 'TM', said.studyTime ?? ''),
    element(0x0008, 0x0060, 'CS', modality),
    element(0x0018, 0x5101, 'CS', said.view ?? ''),
    element(0x0028, 0x0002, 'US', 1),
    element(0x0028, 0x0004, 'CS', photometric),
    element(0x0028, 0x0010, 'US', rows),
    element(0x0028, 0x0011, 'US', columns),
    element(0x0028, 0x0100, 'US', bits),
    element(0x0028, 0x0101, 'US', said.bitsStored ?? bits),
    element(0x0028, 0x0102, 'US', (said.bitsStored ?? bits) - 1),
    element(0x0028, 0x0103, 'US', 0),
    'jpeg' in pixels ? encapsulated(pixels.jpeg) : element(0x7fe0, 0x0010, bits === 16 ? 'OW' : 'OB', asBytes(pixels)),
  ];
  const length = element(0x0002, 0x0000, 'UL', Buffer.from(new Uint32Array([meta.length]).buffer));
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), length, meta, ...data]);
}

const asBytes = ({ buffer, byteOffset, byteLength }: Uint8Array | Uint16Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Types whose length takes four bytes. */
const LONG = new Set(['OB', 'OW']);

function element(group: number, number: number, type: string, value: string | number | Buffer): Buffer {
  const bytes =
    typeof value === 'string'
      ? Buffer.from(value)
      : typeof value === 'number'
        ? Buffer.from(new Uint16Array([value]).buffer)
        : value;
  const padded = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from([type === 'UI' ? 0 : 32])]);
  const head = Buffer.alloc(LONG.has(type) ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(type, 4, 'latin1');
  if (LONG.has(type)) head.writeUInt32LE(padded.length, 8);
  else head.writeUInt16LE(padded.length, 6);
  return Buffer.concat([head, padded]);
}

/** An empty table of offsets, one fragment, and the end. */
function encapsulated(frame: Uint8Array): Buffer {
  const start = element(0x7fe0, 0x0010, 'OB', Buffer.alloc(0));
  start.writeUInt32LE(0xffffffff, 8);
  const item = (length: number, number = 0xe000) => {
    const head = Buffer.alloc(8);
    head.writeUInt16LE(0xfffe, 0);
    head.writeUInt16LE(number, 2);
    head.writeUInt32LE(length, 4);
    return head;
  };
  const padding = Buffer.alloc(frame.length % 2);
  return Buffer.concat([start, item(0), item(frame.length + padding.length), frame, padding, item(0, 0xe0dd)]);
}
