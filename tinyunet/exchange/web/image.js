// An image's pixels as the network wants them: what tinyunet/data/files/gray.py does.

import { decodePng } from './png.js';

const PERCENTILE = 99.8; // becomes 1 where values are stretched
const NOISE = 20; // standard deviations of the noise that 1 is at least above 0
const ROUNDING = 12 ** -0.5; // the standard deviation of rounding to whole numbers

// The pixels of a picture as its file has them: {data, height, width, channels, largest}.
export async function pixelsOf(blob) {
  const stored = await decodePng(await blob.arrayBuffer());
  if (stored) return stored;
  const bitmap = await createImageBitmap(blob, {
    colorSpaceConversion: 'none', premultiplyAlpha: 'none', imageOrientation: 'from-image',
  });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  canvas.drawImage(bitmap, 0, 0);
  const rgba = canvas.getImageData(0, 0, width, height).data;
  const data = new Uint8ClampedArray(width * height * 3);
  for (let i = 0, to = 0; i < rgba.length; i += 4) {
    for (let c = 0; c < 3; c++) data[to++] = rgba[i + c];
  }
  return { data, height, width, channels: 3, largest: 255 };
}

// A picture with the channels that the model takes. Colours become gray as Pillow's "L".
export function inChannels(image, channels) {
  if (image.channels === channels) return image;
  const pixels = image.width * image.height, data = new Float64Array(pixels * channels);
  for (let i = 0; i < pixels; i++) {
    if (channels === 1) {
      const [r, g, b] = image.data.subarray(3 * i, 3 * i + 3);
      data[i] = Math.floor((r * 19595 + g * 38470 + b * 7471 + 0x8000) / 0x10000);
    } else data.fill(image.data[i], 3 * i, 3 * i + 3);
  }
  return { ...image, data, channels };
}

// Whether a picture has colours, which a model of gray images does not see.
export function isColoured({ data, channels }) {
  if (channels !== 3) return false;
  for (let i = 0; i < data.length; i += 3) {
    if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return true;
  }
  return false;
}

// Values as float32: those of 8 bits divided by 255, unless the model knows them stretched as all others.
export function scaled(image, stretched) {
  const data = new Float32Array(image.data.length);
  if (image.largest === 1 || (image.largest === 255 && !stretched)) {
    for (let i = 0; i < data.length; i++) data[i] = image.data[i] / image.largest;
  } else {
    const [low, high] = limits(image), range = Math.fround(high - low);
    for (let i = 0; i < data.length; i++) data[i] = Math.fround(image.data[i] - low) / range;
  }
  return { ...image, data };
}

// What becomes 0 and 1: the least value and the 99.8 % percentile, but noise is not stretched to signal.
export function limits(image) {
  let [low, high, largest] = range(image.data);
  if (high <= low) high = Math.max(largest, low + 1); // almost constant: the few pixels that are not
  return [low, Math.max(high, low + NOISE * noiseOf(image))];
}

// The least value, the 99.8 % percentile and the largest value.
export function range(data) {
  const sorted = Float64Array.from(data).sort(), last = sorted.length - 1;
  const place = (PERCENTILE / 100) * last, below = Math.floor(place);
  const above = sorted[Math.min(below + 1, last)];
  return [sorted[0], sorted[below] + (above - sorted[below]) * (place - below), sorted[last]];
}

// The standard deviation of the noise, from second differences along rows.
function noiseOf({ data, height, width, channels }) {
  if (width < 3) return ROUNDING;
  const second = [];
  for (let y = 0; y < height; y += Math.max(1, Math.floor(height / 512))) {
    for (let i = y * width * channels; i < (y * width + width - 2) * channels; i++) {
      second.push(Math.abs(data[i + 2 * channels] - 2 * data[i + channels] + data[i]));
    }
  }
  const sorted = Float64Array.from(second).sort(), half = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  return Math.max(ROUNDING, median / 0.6745 / 6 ** 0.5);
}
