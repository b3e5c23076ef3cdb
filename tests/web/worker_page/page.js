/** Loads the worker with the assets beside this page, and keeps its replies by their ids, arrays as plain ones. */

const replies = {};
const waiting = new Map();
let worker;
let last = 0;

async function bytes(name) {
  const response = await fetch(name);
  if (!response.ok) throw new Error(`${name}: ${response.status}`);
  return response.arrayBuffer();
}

async function begin() {
  const site = JSON.parse(await (await fetch("site.json")).text());
  const unpacked = new Blob([await bytes("litert.wasm.bin")]).stream().pipeThrough(new DecompressionStream("gzip"));
  const assets = {
    "litert.js": await bytes("litert.js"),
    "litert.wasm.bin": await new Response(unpacked).arrayBuffer(),
    "model.tflite": await bytes("model.tflite"),
  };
  worker = new Worker(URL.createObjectURL(new Blob([await bytes("worker.js")], { type: "text/javascript" })));
  worker.addEventListener("message", ({ data }) => {
    if (data.type === "progress") return;
    waiting.get(data.id)(data.scores ? { ...data, scores: Array.from(data.scores) } : data);
  });
  worker.addEventListener("error", (event) => (replies[1] = { type: "crashed", reason: event.message }));
  await request({ type: "load", site, assets }, Object.values(assets));
}

async function request(message, transferred = []) {
  const id = ++last;
  const reply = new Promise((resolve) => waiting.set(id, resolve));
  worker.postMessage({ id, ...message }, transferred);
  return (replies[id] = await reply);
}

async function file(name) {
  return request({ type: "file", blob: new Blob([await bytes(name)]) });
}

async function frame(name) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(new Blob([await bytes(name)]), options);
  return request({ type: "frame", bitmap }, [bitmap]);
}

/** Starts one of these functions; its result, or its error, is in results[key]. */
const results = {};
function run(key, promise) {
  promise.then(
    (value) => (results[key] = value ?? "done"),
    (error) => (results[key] = { type: "threw", reason: String(error) }),
  );
}
