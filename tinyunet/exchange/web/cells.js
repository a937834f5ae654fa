// From probabilities to cells: what tinyunet/segmentation/cells.py does, with the same numbers.

// Number the connected regions of a mask, whose pixels share an edge, in the order in which they are met
// row by row; those of fewer than `smallest` pixels are dropped. Returns {labels, count}.
export function components(mask, height, width, smallest) {
  const labels = new Int32Array(mask.length), met = new Int32Array(mask.length);
  let count = 0, last = 0; // pixels that were met
  const meet = (at) => {
    if (mask[at] && !labels[at]) {
      labels[at] = count;
      met[last++] = at;
    }
  };
  for (let seed = 0; seed < mask.length; seed++) {
    if (!mask[seed] || labels[seed]) continue;
    const first = last;
    count++;
    meet(seed);
    for (let i = first; i < last; i++) { // all that follow are of its region
      const at = met[i], x = at % width;
      if (x > 0) meet(at - 1);
      if (x < width - 1) meet(at + 1);
      if (at >= width) meet(at - width);
      if (at + width < mask.length) meet(at + width);
    }
    if (last - first < smallest) {
      for (let i = first; i < last; i++) labels[met[i]] = -1; // seen, and dropped
      count--;
    }
  }
  for (let at = 0; at < labels.length; at++) if (labels[at] < 0) labels[at] = 0;
  return { labels, count };
}

// The cells (H, W) of a foreground's probabilities (H, W). A region above the threshold that holds several
// cores is parted: each pixel goes to the nearest core. Returns {labels, count}.
export function instances(foreground, height, width, threshold, { smallest, core, smallestCore }) {
  const low = Math.fround(threshold), high = Math.fround(core);
  const above = (limit) => foreground.map((p) => (p > limit ? 1 : 0));
  const regions = components(above(low), height, width, smallest);
  if (core > threshold) {
    const cores = components(above(high), height, width, Math.min(smallestCore, smallest));
    part(regions, cores, height, width);
  }
  return { labels: fillGaps(regions.labels, height, width), count: regions.count };
}

// Part every region that holds several cores; `regions` becomes the cells.
function part(regions, cores, height, width) {
  const boxes = Array.from({ length: regions.count + 1 }, () => null);
  const held = boxes.map(() => new Set());
  for (let at = 0; at < regions.labels.length; at++) {
    const region = regions.labels[at];
    if (!region) continue;
    const y = Math.floor(at / width), x = at % width, box = boxes[region];
    if (!box) boxes[region] = { top: y, bottom: y + 1, left: x, right: x + 1 };
    else {
      box.bottom = y + 1; // rows come in order
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
    }
    if (cores.labels[at]) held[region].add(cores.labels[at]);
  }
  const cells = new Int32Array(regions.labels.length);
  let count = 0;
  for (let region = 1; region <= regions.count; region++) {
    const { top, bottom, left, right } = boxes[region];
    const h = bottom - top, w = right - left, several = held[region].size > 1;
    const order = [...held[region]].sort((a, b) => a - b);
    const numbers = new Map(order.map((core, i) => [core, i + 1]));
    const place = (i) => (top + Math.floor(i / w)) * width + left + (i % w);
    const here = new Int32Array(h * w);
    if (several) {
      for (let i = 0; i < here.length; i++) {
        const at = place(i);
        if (regions.labels[at] === region) here[i] = numbers.get(cores.labels[at]) ?? 0;
      }
    }
    const nearest = several ? nearestOf(here, h, w) : null;
    for (let i = 0; i < here.length; i++) {
      const at = place(i);
      if (regions.labels[at] === region) cells[at] = count + (several ? here[nearest[i]] : 1);
    }
    count += several ? order.length : 1;
  }
  regions.labels = cells;
  regions.count = count;
}

// For every pixel of a map (h, w) the nearest one that is not 0. Of equally near ones it is the one that
// SciPy's distance_transform_edt takes: along columns first, then along rows, by envelopes of parabolas
// (Maurer, Qi, Raghavan 2003).
export function nearestOf(map, h, w) {
  const feature = new Int32Array(h * w).fill(-1); // the pixel's number, -1 for none
  for (let at = 0; at < map.length; at++) if (map[at]) feature[at] = at;
  for (let x = 0; x < w; x++) envelope(feature, h, (i) => i * w + x, (f) => Math.floor(f / w), (f) => f % w - x);
  for (let y = 0; y < h; y++) {
    envelope(feature, w, (i) => y * w + i, (f) => f % w, (f) => Math.floor(f / w) - y);
  }
  return feature;
}

// Along a line: of the features that its pixels know, give each pixel the nearest. `along` is where on the
// line a feature lies, `aside` how far from it.
function envelope(feature, length, place, along, aside) {
  const known = [], kept = [];
  for (let i = 0; i < length; i++) {
    const f = feature[place(i)];
    if (f >= 0) known.push({ f, at: along(f), far: aside(f) ** 2 });
  }
  for (const next of known) {
    while (kept.length >= 2) { // does the last one lie above the two beside it everywhere?
      const last = kept[kept.length - 1], before = kept[kept.length - 2];
      const a = last.at - before.at, b = next.at - last.at, c = a + b;
      if (c * last.far - b * before.far - a * next.far - a * b * c <= 0) break;
      kept.pop();
    }
    kept.push(next);
  }
  if (!kept.length) return;
  const squared = ({ at, far }, i) => (at - i) ** 2 + far;
  for (let i = 0, l = 0; i < length; i++) {
    while (l < kept.length - 1 && squared(kept[l + 1], i) < squared(kept[l], i)) l++;
    feature[place(i)] = kept[l].f;
  }
}

// Give each pixel that alone parts two cells, in its row or column, to the left or upper one.
export function fillGaps(cells, height, width) {
  const filled = cells.slice();
  const fill = (at, before, after) => {
    if (!filled[at] && before && after && before !== after) filled[at] = before;
  };
  for (let y = 0; y < height; y++) {
    for (let x = 1; x < width - 1; x++) fill(y * width + x, cells[y * width + x - 1], cells[y * width + x + 1]);
  }
  for (let y = 1; y < height - 1; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      fill(at, cells[at - width], cells[at + width]);
    }
  }
  return filled;
}

// The most probable class of every pixel (H, W), of equal ones the first.
export function classesOf(probabilities, classes) {
  const labels = new Int32Array(probabilities.length / classes);
  for (let at = 0; at < labels.length; at++) {
    for (let k = 1; k < classes; k++) {
      if (probabilities[at * classes + k] > probabilities[at * classes + labels[at]]) labels[at] = k;
    }
  }
  return labels;
}
