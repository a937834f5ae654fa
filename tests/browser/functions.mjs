// Calls functions of an exported page's scripts under Node: node functions.mjs FOLDER JOBS.json RESULTS.json
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, jobsFile, resultsFile] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(path.resolve(folder, name)).href);
const [cells, tiles, image, png] = await Promise.all(['cells.js', 'tiles.js', 'image.js', 'png.js'].map(load));

const CALLS = {
  instances: ({ p, height, width, threshold, options }) => {
    const { labels, count } = cells.instances(Float32Array.from(p), height, width, threshold, options);
    return { labels: [...labels], count };
  },
  nearest: ({ map, height, width }) => [...cells.nearestOf(Int32Array.from(map), height, width)],
  classes: ({ p, classes }) => [...cells.classesOf(Float32Array.from(p), classes)],
  plan: ({ model, sides, size }) => model.sizes.map((axis, i) => tiles.planAxis(model, axis, sides[i], size?.[i])),
  mirrored: ({ side, from, to }) => Array.from({ length: to - from }, (_, i) => tiles.mirrored(from + i, side)),
  // A network that gives what it sees, without its border.
  predict: async ({ model, data, height, width }) => {
    const seen = [];
    const run = async (window, h, w) => {
      seen.push([h, w]);
      const [top, left] = model.sizes.map((axis) => Math.floor(axis.lost / 2));
      const [outHeight, outWidth] = [h - model.sizes[0].lost, w - model.sizes[1].lost];
      const out = new Float32Array(outHeight * outWidth);
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) out[y * outWidth + x] = window[(y + top) * w + x + left];
      }
      return { data: out, height: outHeight, width: outWidth, classes: 1 };
    };
    const found = await tiles.predict(model, { data, height, width, channels: 1 }, run);
    return { seen, found: [...found] };
  },
  read: async ({ file, channels, stretched }) => {
    const bytes = fs.readFileSync(file);
    const stored = await png.decodePng(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    if (!stored) return null;
    const { data, height, width, channels: count } = image.scaled(image.inChannels(stored, channels ?? stored.channels), stretched);
    return { data: [...data], shape: [height, width, count] };
  },
};

const results = [];
for (const [name, given] of JSON.parse(fs.readFileSync(jobsFile, 'utf8'))) results.push(await CALLS[name](given));
fs.writeFileSync(resultsFile, JSON.stringify(results));
