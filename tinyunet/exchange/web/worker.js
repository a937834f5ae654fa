// Runs the network in a thread of its own, so that the page stays alive.

import { predict } from './tiles.js';

let model, session, ort;

async function load(settings) {
  model = settings;
  const base = new URL(model.runtime, self.location.href).href;
  try {
    ort = await import(`${base}ort.wasm.min.mjs`);
  } catch (error) {
    throw new Error(`${base}, from where this page takes what computes, cannot be reached (${error.message})`);
  }
  ort.env.wasm.wasmPaths = base;
  ort.env.wasm.numThreads = 1; // more need headers that a plain file server does not send
  session = await ort.InferenceSession.create(new URL('model.onnx', self.location.href).href);
}

async function run(window, height, width) {
  const image = new ort.Tensor('float32', window, [1, height, width, model.channels]);
  const { probabilities } = await session.run({ image });
  const [, outHeight, outWidth, classes] = probabilities.dims;
  return { data: probabilities.data, height: outHeight, width: outWidth, classes };
}

self.onmessage = async ({ data: { settings, image } }) => {
  try {
    if (settings) {
      await load(settings);
      return self.postMessage({ ready: true });
    }
    const told = (done, tiles) => self.postMessage({ done, tiles });
    const found = await predict(model, image, run, told);
    self.postMessage({ found }, [found.buffer]);
  } catch (error) {
    self.postMessage({ error: String(error.message ?? error) });
  }
};
