// The page: takes an image, lets the worker segment it, shows what was found.

import { classesOf, instances } from './cells.js';
import { inChannels, isColoured, pixelsOf, range, scaled } from './image.js';

const $ = (id) => document.getElementById(id);
const model = JSON.parse($('model').textContent);
const cells = model.classes === 2;
const HUES = [[0, 158, 115], [230, 159, 0], [86, 180, 233], [213, 94, 0], [204, 121, 167], [0, 114, 178],
  [240, 228, 66], [153, 102, 255]]; // told apart by all eyes
const OUTLINE = [255, 196, 0];
let worker, ready, seen, moved, waiting = Promise.resolve();
let threshold = model.threshold; // exactly, until the slider is moved

function say(words) { $('say').textContent = words; }

// A threshold, with the two digits of the slider, or with four where it has more.
function inWords(value) { return value.toFixed(Math.abs(value - value.toFixed(2)) < 5e-5 ? 2 : 4); }

function start() {
  worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
  ready = new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message || 'the worker could not be loaded'));
    worker.onmessage = ({ data }) => (data.ready ? resolve() : reject(new Error(data.error)));
  });
  worker.postMessage({ settings: model });
  return ready;
}

// The probabilities (H, W, K) of an image, from the worker.
function predicted(image) {
  return new Promise((resolve, reject) => {
    worker.onerror = (event) => reject(new Error(event.message));
    worker.onmessage = ({ data }) => {
      if (data.error) reject(new Error(data.error));
      else if (data.found) resolve(data.found);
      else {
        $('progress').value = data.done / data.tiles;
        if (data.tiles > 1) say(`Tile ${data.done} of ${data.tiles}…`);
      }
    };
    worker.postMessage({ image });
  });
}

async function segment(blob, name) {
  try {
    await ready;
    let stored;
    try {
      stored = await pixelsOf(blob);
    } catch (error) {
      throw new Error(`it is no image that this browser can read: save it as PNG (${error.message})`);
    }
    const { width, height } = stored;
    say(`Segmenting ${name}, ${width} x ${height} pixels…`);
    $('progress').hidden = false;
    $('progress').removeAttribute('value');
    const notes = model.channels === 1 && isColoured(stored) ? ' Its colours were read as gray.' : '';
    const image = scaled(inChannels(stored, model.channels), model.stretched);
    const begun = performance.now();
    const found = await predicted(image);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    const [dark, bright] = range(stored.data);
    seen = { name, stored, height, width, found, dark, range: Math.max(1, bright - dark) / 255 };
    say(`${name}: ${width} x ${height} pixels in ${seconds} s.${notes}`);
    $('result').hidden = false;
    update();
  } catch (error) {
    say(`${name} could not be segmented: ${error.message}`);
    $('result').hidden = true; // it is another image's
  } finally {
    $('progress').hidden = true;
  }
}

// Find cells, or classes, and show them.
function update() {
  if (!seen) return;
  $('shown').textContent = inWords(threshold);
  if (cells) {
    const foreground = new Float32Array(seen.height * seen.width);
    for (let i = 0; i < foreground.length; i++) foreground[i] = seen.found[2 * i + 1];
    Object.assign(seen, instances(foreground, seen.height, seen.width, threshold, model.cells));
    $('count').textContent = seen.count === 1 ? '1 cell' : `${seen.count} cells`;
  } else {
    seen.labels = classesOf(seen.found, model.classes);
    shares();
  }
  draw();
}

// Of how many of the pixels each class is.
function shares() {
  const pixels = new Array(model.classes).fill(0);
  for (const label of seen.labels) pixels[label]++;
  $('count').replaceChildren(...pixels.map((n, k) => {
    const key = document.createElement('span'), mark = document.createElement('i');
    key.className = 'key';
    mark.style.background = k ? `rgb(${HUES[(k - 1) % HUES.length]})` : 'transparent';
    key.append(mark, `${model.classNames?.[k] ?? `class ${k}`}: ${((100 * n) / seen.labels.length).toFixed(1)} %`);
    return key;
  }));
}

// Whether a neighbour of a pixel, below or to the right or before, has another label.
function isEdge(labels, at, x, width) {
  const own = labels[at];
  return (x > 0 && labels[at - 1] !== own) || (x < width - 1 && labels[at + 1] !== own)
    || (at >= width && labels[at - width] !== own)
    || (at + width < labels.length && labels[at + width] !== own);
}

function draw() {
  const { width, height, stored, labels, found, dark, range: shown } = seen, how = $('show').value;
  const canvas = $('canvas'), picture = new ImageData(width, height), rgba = picture.data;
  canvas.width = width;
  canvas.height = height;
  canvas.style.maxWidth = `${Math.max(4, Math.ceil(512 / width)) * width}px`;
  const gray = stored.channels === 1; // shown from its darkest to its brightest
  for (let at = 0; at < labels.length; at++) {
    const label = labels[at], hue = HUES[(label + HUES.length - 1) % HUES.length];
    const edge = how === 'outlines' && label && isEdge(labels, at, at % width, width);
    for (let c = 0; c < 3; c++) {
      let value = (stored.data[gray ? at : 3 * at + c] - dark) / shown;
      if (how === 'probability') value = 255 * (1 - found[at * model.classes]);
      else if (edge) value = cells ? OUTLINE[c] : hue[c];
      else if (label && how === 'colours') value = 0.45 * value + 0.55 * hue[c];
      rgba[4 * at + c] = value;
    }
    rgba[4 * at + 3] = 255;
  }
  canvas.getContext('2d').putImageData(picture, 0, 0);
  canvas.setAttribute('aria-label', `${seen.name} with what was found: ${$('count').textContent}`);
}

// The mask as a black and white picture; of several classes, each with a gray value of its own.
async function save() {
  const { width, height, labels, name } = seen;
  const canvas = new OffscreenCanvas(width, height), picture = new ImageData(width, height);
  const step = cells ? 255 : Math.floor(255 / (model.classes - 1));
  for (let at = 0; at < labels.length; at++) {
    const value = cells ? 255 * (labels[at] > 0) : labels[at] * step;
    picture.data.set([value, value, value, 255], 4 * at);
  }
  canvas.getContext('2d').putImageData(picture, 0, 0);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await canvas.convertToBlob({ type: 'image/png' }));
  link.download = `${name.replace(/\.\w+$/, '')}_mask.png`;
  link.click();
  URL.revokeObjectURL(link.href);
}

// One image after the other.
function take(blob, name) {
  if (blob) waiting = waiting.then(() => segment(blob, name ?? blob.name ?? 'image'));
  return waiting;
}

$('threshold').value = model.threshold;
$('of-cells').hidden = !cells;
if (!cells) $('show').value = 'colours';
$('threshold').addEventListener('input', () => { // once a picture, however fast it is moved
  threshold = Number($('threshold').value);
  $('shown').textContent = inWords(threshold);
  moved ??= setTimeout(() => { moved = undefined; update(); }, 30);
});
$('show').addEventListener('change', draw);
$('save').addEventListener('click', save);
$('file').addEventListener('change', () => take($('file').files[0]));
document.addEventListener('paste', (event) => take(event.clipboardData.files[0]));
for (const kind of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') take(event.dataTransfer.files[0]);
  });
}
if (model.example) {
  $('example').hidden = false;
  $('example').addEventListener('click', async () => {
    take(await (await fetch(model.example)).blob(), model.example);
  });
}
start().then(
  () => { say('Ready.'); $('progress').hidden = true; },
  (error) => { say(`The network could not be loaded: ${error.message}`); $('progress').hidden = true; },
);
window.tinyunet = { take, seen: () => seen, ready: () => ready }; // for tests
