/** The worker of the page: it decodes, resizes, runs the network and measures it. The messages are in messages.js. */

import { measure } from "./bench/batches.js";
import { resolution } from "./bench/clock.js";
import { failure } from "./failure.js";
import { decode, fromFrame } from "./images/decode.js";
import { resize } from "./images/resize.js";
import { Network, start } from "./model/network.js";
import { probabilities, tensorMaker } from "./model/scores.js";
import { RUNTIME } from "./runtime.js";

/**
 * @typedef {import("./messages.js").Request} Request
 * @typedef {import("./messages.js").Reply} Reply
 * @typedef {import("./messages.js").LoadRequest} LoadRequest
 * @typedef {import("./images/decode.js").Decoded} Decoded
 * @typedef {ReturnType<typeof tensorMaker>} ToTensor
 * @typedef {{site: import("./site_document.js").Site, network: Network, toTensor: ToTensor}} Model
 */

/** @type {Model | null} */
let model = null;
/** Requests are handled one after the other: the model has one input. */
let last = Promise.resolve();

self.addEventListener("message", (/** @type {MessageEvent<Request>} */ event) => {
  last = last.then(() => handle(event.data));
});

self.addEventListener("messageerror", () => {
  throw new Error("a request could not be read"); // the page is told that this worker has failed
});

/** @param {Request} request */
async function handle(request) {
  try {
    if (request.type === "load") await load(request);
    else if (request.type === "frame") await classifyFrame(request.id, request.bitmap);
    else if (request.type === "file") await classifyFile(request.id, request.blob);
    else await bench(request.id, request.milliseconds);
  } catch (error) {
    reply({ id: request.id, type: "error", ...failure(error, request.type) });
  }
}

/** @param {Reply} message @param {Transferable[]} [transferred] */
function reply(message, transferred = []) {
  self.postMessage(message, { transfer: transferred });
}

/** @param {LoadRequest} request */
async function load({ id, site, assets }) {
  const toTensor = tensorMaker(site.input);
  await start(assets["litert.js"], assets["litert.wasm.bin"]);
  const network = await Network.open(assets["model.tflite"], site.input.shape);
  model = { site, network, toTensor };
  reply({ id, type: "loaded" });
}

/** @param {number} id @param {ImageBitmap} bitmap */
async function classifyFrame(id, bitmap) {
  try {
    const began = performance.now();
    await classify(id, { pixels: fromFrame(bitmap), approximate: false }, { began });
  } finally {
    bitmap.close();
  }
}

/** @param {number} id @param {Blob} blob */
async function classifyFile(id, blob) {
  const began = performance.now();
  const decoded = await decode(blob, loaded().site.image);
  await classify(id, decoded, { began, decode: performance.now() - began });
}

/**
 * @param {number} id
 * @param {Decoded} decoded
 * @param {{began: number, decode?: number}} timings
 */
async function classify(id, { pixels, approximate }, { began, ...timings }) {
  const { site, network, toTensor } = loaded();
  const beforeResize = timings.decode === undefined ? began : performance.now();
  const values = toTensor(/** @type {Uint8Array<ArrayBuffer>} */ (resize(pixels, site.image).data));
  const afterResize = performance.now();
  const scores = probabilities(await network.run(values), site.output, site.ending);
  const end = performance.now();
  const timings_ms = { ...timings, resize: afterResize - beforeResize, invoke: end - afterResize, total: end - began };
  reply({ id, type: "prediction", scores, timings_ms, approximate }, [scores.buffer]);
}

/** @param {number} id @param {number} milliseconds */
async function bench(id, milliseconds) {
  const { site, network, toTensor } = loaded();
  const { size } = site.image;
  const { run, done } = network.repeated(toTensor(new Uint8Array(size * size * 3).fill(128)));
  const clock = () => performance.now();
  let sent = -1;
  const progress = (/** @type {number} */ share) => {
    if (share - sent >= 0.01) reply({ id, type: "progress", share: (sent = share) });
  };
  try {
    const measured = await measure(run, { clock, resolution: resolution(clock), milliseconds, progress });
    reply({ id, type: "measured", ...measured, runtime: RUNTIME });
  } finally {
    done();
  }
}

function loaded() {
  if (!model) throw new Error("the model is not loaded yet");
  return model;
}
