// How an image of any size is cut into tiles for the network: what tinyunet/segmentation/tiles.py and
// axis.py do, line by line, so that the page finds what `tinyunet predict` finds.

export const WHOLE = 1024; // an image up to this side is computed in one piece
export const RIM = 32; // left out at a tile's border where all that zeros reach cannot be

// The smallest side that the network takes and whose output covers `side`.
function inputFor(sizes, side) {
  const steps = Math.ceil((side + sizes.lost - sizes.first) / sizes.step);
  return sizes.first + sizes.step * Math.max(0, steps);
}

// How tiles lie along one side of the image. `sizes` says which sides the network takes along it.
export function planAxis(model, sizes, side, fixed) {
  const { step, lost } = { step: model.tileStride, lost: sizes.lost };
  const whole = Math.max(inputFor(sizes, side), fixed ?? 0);
  const inside = model.pads || !lost
    ? { within: whole, before: Math.floor(lost / 2), grid: step } : { within: null, before: 0, grid: 1 };
  let tile = fixed ?? (side <= WHOLE ? whole : null);
  let rim = 0; // what zeros at a tile's own border reach
  if (model.pads && (tile === null || tile < whole)) {
    rim = model.reach === null ? RIM : Math.max(0, model.reach - Math.floor(lost / 2));
  }
  if (tile === null) tile = inputFor(sizes, Math.max(WHOLE / 2, 4 * rim));
  if (tile >= whole) {
    const gives = whole - lost;
    return axis({ side, reads: whole, gives, stride: gives, ...inside });
  }
  let gives = tile - lost;
  if (gives - 2 * rim < step) rim = Math.min(RIM, rim);
  if (gives - 2 * rim < step) throw new Error(`tiles of ${tile} pixels are too small for this network`);
  gives -= 2 * rim;
  return axis({ side, reads: tile, gives, stride: Math.floor(gives / step) * step, ...inside });
}

// Where tiles start to read, which pixels each gives, and what is to be added around the image.
function axis({ side, reads, gives, stride, within, before, grid }) {
  const margin = Math.floor((reads - gives) / 2);
  const starts = [];
  if (within === null) {
    for (let first = 0; first < side; first += stride) starts.push(first - margin);
  } else {
    const last = Math.ceil((within - reads) / grid) * grid;
    for (let start = 0; start < last; start += stride) starts.push(start - before);
    starts.push(last - before);
  }
  const firsts = [0, ...starts.slice(1).map((start) => start + margin), side];
  const places = starts.map((_, i) => [firsts[i], firsts[i + 1]]);
  return { side, reads, starts, places };
}

// The pixel of a side that pixel i, which may lie outside, shows: mirrored at the first and the last.
export function mirrored(i, side) {
  if (side === 1) return 0;
  const period = 2 * (side - 1);
  const place = ((i % period) + period) % period;
  return place < side ? place : period - place;
}

// The window (reads x reads, C) of an image that a tile at (top, left) shows to the network.
export function windowOf(image, top, left, height, width) {
  const { data, channels } = image;
  const window = new Float32Array(height * width * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = mirrored(top + y, image.height) * image.width;
    for (let x = 0; x < width; x++) {
      const from = (row + mirrored(left + x, image.width)) * channels;
      for (let c = 0; c < channels; c++) window[to++] = data[from + c];
    }
  }
  return window;
}

// The probabilities (H, W, K) of an image {data, height, width, channels}, tile by tile.
// `run(window, height, width)` gives those of one tile and their {data, height, width, classes}.
export async function predict(model, image, run, told = () => {}) {
  const [fixedHeight, fixedWidth] = model.size ?? [undefined, undefined];
  const down = planAxis(model, model.sizes[0], image.height, fixedHeight);
  const across = planAxis(model, model.sizes[1], image.width, fixedWidth);
  const classes = model.classes;
  const found = new Float32Array(image.height * image.width * classes);
  const tiles = down.starts.length * across.starts.length;
  let done = 0;
  for (const [i, top] of down.starts.entries()) {
    for (const [j, left] of across.starts.entries()) {
      const window = windowOf(image, top, left, down.reads, across.reads);
      const tile = await run(window, down.reads, across.reads);
      const lost = [Math.floor((down.reads - tile.height) / 2), Math.floor((across.reads - tile.width) / 2)];
      const [start, stop] = across.places[j];
      for (let y = down.places[i][0]; y < down.places[i][1]; y++) {
        const from = (y - top - lost[0]) * tile.width - left - lost[1];
        for (let x = start; x < stop; x++) {
          const to = (y * image.width + x) * classes;
          if (tile.classes === 1) {
            const p = tile.data[from + x];
            found[to] = 1 - p;
            found[to + 1] = p;
          } else {
            for (let k = 0; k < classes; k++) found[to + k] = tile.data[(from + x) * classes + k];
          }
        }
      }
      told(++done, tiles);
    }
  }
  return found;
}
