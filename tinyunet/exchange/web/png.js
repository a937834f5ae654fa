// A PNG's pixels as they are stored, of 1 to 16 bits. A browser's own reader gives 8, multiplied by alpha.

const CHANNELS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }; // of each kind of color, with alpha

// The pixels {data, height, width, channels, largest} of a file without its alpha; null where it is no
// PNG, or one that the browser had better read: interlaced, moving, turned.
export async function decodePng(buffer) {
  const view = new DataView(buffer), bytes = new Uint8Array(buffer);
  if (buffer.byteLength < 33 || view.getUint32(0) !== 0x89504e47) return null;
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [depth, kind, , , interlaced] = bytes.subarray(24, 29);
  const packed = [];
  let palette = null;
  for (let at = 8; at + 12 <= buffer.byteLength;) {
    const length = view.getUint32(at), name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (name === 'IDAT') packed.push(body);
    if (name === 'PLTE') palette = body;
    if (name === 'acTL' || name === 'eXIf') return null;
    at += length + 12;
  }
  if (interlaced || !(kind in CHANNELS) || (kind === 3 && !palette)) return null;
  const stored = CHANNELS[kind], raw = unfiltered(await inflated(packed), width, height, depth, stored);
  return withoutAlpha(raw, { width, height, depth, kind, stored, palette });
}

async function inflated(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate'));
  try {
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error('the PNG is cut off, or damaged'); // the browser says "Failed to fetch"
  }
}

// Lines of bytes (height, ceil(width * stored * depth / 8)): each is stored as a difference from what is to
// the left of it, above, or both.
function unfiltered(data, width, height, depth, stored) {
  const line = Math.ceil((width * stored * depth) / 8), back = Math.max(1, (stored * depth) >> 3);
  if (data.length < (line + 1) * height) throw new Error('the PNG is cut off');
  const out = new Uint8Array(line * height);
  for (let y = 0; y < height; y++) {
    const filter = data[y * (line + 1)], from = y * (line + 1) + 1, to = y * line;
    for (let x = 0; x < line; x++) {
      const left = x >= back ? out[to + x - back] : 0, up = y ? out[to + x - line] : 0;
      const corner = y && x >= back ? out[to + x - line - back] : 0;
      let guess = 0;
      if (filter === 1) guess = left;
      else if (filter === 2) guess = up;
      else if (filter === 3) guess = (left + up) >> 1;
      else if (filter === 4) {
        const [a, b, c] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
        guess = a <= b && a <= c ? left : b <= c ? up : corner;
      }
      out[to + x] = data[from + x] + guess;
    }
  }
  return out;
}

// Numbers from bytes, colors from a palette, without alpha.
function withoutAlpha(bytes, { width, height, depth, kind, stored, palette }) {
  const line = bytes.length / height, indexed = kind === 3;
  const channels = indexed || stored > 2 ? 3 : 1, last = indexed ? palette.length / 3 - 1 : 0;
  // As Pillow: gray of 2 and 4 bits becomes one of 8, of 1 bit stays one.
  const factor = !indexed && (depth === 2 || depth === 4) ? 255 / (2 ** depth - 1) : 1;
  const data = depth === 16 ? new Uint16Array(width * height * channels)
    : new Uint8Array(width * height * channels);
  const value = (y, i) => {
    if (depth === 8) return bytes[y * line + i];
    if (depth === 16) return 256 * bytes[y * line + 2 * i] + bytes[y * line + 2 * i + 1];
    const bit = i * depth;
    return (bytes[y * line + (bit >> 3)] >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  };
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const index = indexed ? 3 * Math.min(value(y, x), last) : 0;
      for (let c = 0; c < channels; c++) {
        data[to++] = indexed ? palette[index + c] : factor * value(y, x * stored + c);
      }
    }
  }
  const largest = depth === 16 ? 65535 : depth === 1 && !indexed ? 1 : 255;
  return { data, height, width, channels, largest };
}
