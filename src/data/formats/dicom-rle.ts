/** DICOM's run-length encoding (PS3.5 annex G): PackBits over byte planes, most significant byte first, sample by sample. */

/** One frame as little-endian values, by pixel. @param width bytes of a value */
export function runLengthDecoded(frame: Uint8Array, pixels: number, samples: number, width: number): Uint8Array {
  const header = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const count = frame.length < 64 ? 0 : header.getUint32(0, true);
  if (count !== samples * width)
    throw new Error(`expected ${samples * width} byte planes in a run-length encoded frame but got ${count}`);
  const out = new Uint8Array(pixels * samples * width);
  for (let segment = 0; segment < count; segment++) {
    const start = header.getUint32(4 + 4 * segment, true);
    const end = segment + 1 < count ? header.getUint32(8 + 4 * segment, true) : frame.length;
    const plane = unpacked(frame.subarray(start, end), pixels);
    const sample = Math.floor(segment / width);
    const byte = width - 1 - (segment % width);
    for (let pixel = 0; pixel < pixels; pixel++) out[(pixel * samples + sample) * width + byte] = plane[pixel]!;
  }
  return out;
}

function unpacked(packed: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let to = 0;
  for (let at = 0; at < packed.length && to < length; ) {
    const control = packed[at++]!;
    if (control < 128) {
      for (let i = 0; i <= control && to < length; i++) out[to++] = packed[at++] ?? 0;
    } else if (control > 128) {
      out.fill(packed[at++] ?? 0, to, to + 257 - control);
      to += 257 - control;
    }
  }
  if (to < length) throw new Error(`a run-length encoded plane ends after ${to} of ${length} pixels`);
  return out;
}
