/** From the site document to a worker that is ready and proven: what happens when the page is opened. */

import { compared } from "../proof/self_test.js";
import { asset } from "../site.js";
import { Client } from "./client.js";
import { checkBrowser } from "./support.js";

/**
 * @typedef {import("../site.js").Site} Site
 * @typedef {import("../proof/self_test.js").Proof} Proof
 */

const WORKER = "worker.js";
const RUNTIME = ["litert.js", "litert.wasm.bin", "model.tflite"];

/**
 * Load and check the runtime and the model, and start the worker. Raise an Error with advice.
 * @param {Site} site
 * @param {(loaded: number, all: number) => void} progress gets bytes
 * @returns {Promise<Client>}
 */
export async function startWorker(site, progress) {
  checkBrowser();
  const names = [WORKER, ...RUNTIME];
  const all = names.reduce((sum, name) => sum + site.assets[name].bytes, 0);
  let loaded = 0;
  progress(0, all);
  const contents = await Promise.all(
    names.map(async (name) => {
      const content = await asset(site, name);
      loaded += site.assets[name].bytes;
      progress(loaded, all);
      return content;
    }),
  );
  const [worker, ...runtime] = contents;
  // From a Blob, so that it is what was checked, and the policy of this page holds for it.
  const url = URL.createObjectURL(new Blob([worker], { type: "text/javascript" }));
  const client = new Client(new Worker(url));
  const assets = Object.fromEntries(RUNTIME.map((name, index) => [name, runtime[index]]));
  await client.request({ type: "load", site, assets }, runtime);
  URL.revokeObjectURL(url);
  return client;
}

/**
 * Classify the test images, whose scores on the device are in the document. Raise an Error with advice.
 * @param {Site} site
 * @param {Client} client
 * @returns {Promise<Proof>}
 */
export async function prove(site, client) {
  const tests = [...site.tests, ...site.golden];
  const scores = [];
  for (const test of tests) {
    const blob = new Blob([await asset(site, test.asset)]);
    scores.push(await client.request({ type: "file", blob }).then((prediction) => prediction.scores, () => null));
  }
  return compared(site, tests, scores);
}
