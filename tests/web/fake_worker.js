/**
 * A worker for tests of the page: it answers each request at once, with scores that the test chooses. The first byte of
 * the "model" is what it does: 0 answers; 1 crashes at a file that is no JSON; 2 has not enough memory; 3 measures
 * too little.
 *
 * A file is text: {"scores": [...], "approximate": false}, or {"kind", "reason", "advice"} of an error;
 * for any other file and for the frames of a camera it takes the scores in the model in turn, JSON after its first byte.
 */
let scores = [[1]];
let behaviour = 0;
let frames = 0;

const timings_ms = { decode: 4, resize: 0.54, invoke: 2.46, total: 3 };
const predict = (id, values, approximate = false) =>
  postMessage({ id, type: "prediction", scores: Float32Array.from(values), timings_ms, approximate });
const fail = (id, kind, reason, advice) => postMessage({ id, type: "error", kind, reason, advice });

const handlers = {
  load({ id, assets }) {
    const model = new Uint8Array(assets["model.tflite"]);
    behaviour = model[0];
    scores = JSON.parse(new TextDecoder().decode(model.subarray(1)));
    if (behaviour === 2) fail(id, "memory", "There is not enough memory.", "Close other pages, then load this one again.");
    else postMessage({ id, type: "loaded" });
  },
  frame({ id, bitmap }) {
    bitmap.close();
    predict(id, scores[frames++ % scores.length]);
  },
  async file({ id, blob }) {
    let asked;
    try {
      asked = JSON.parse(await blob.text());
    } catch {
      if (behaviour !== 1) return predict(id, scores[0]); // a real image
      return setTimeout(() => { throw new Error("crashed"); }); // not a rejection, which nobody is told of
    }
    if (asked.kind) fail(id, asked.kind, asked.reason, asked.advice);
    else predict(id, asked.scores, asked.approximate);
  },
  bench({ id }) {
    postMessage({ id, type: "progress", share: 0.5 });
    const samples = Array.from({ length: 30 }, (_, number) => 15 + (number % 3) / 10);
    const figures = { p50: 15.1, p90: 15.2, p95: 15.2, p99: 15.2, mean: 15.1, std: 0.08, min: 15, max: 15.2, runs: 30 };
    const reasons = behaviour === 3 ? [{ kind: "too short", detail: "3 batches in 1.0 s" }] : [];
    const runtime = { name: "LiteRT.js", version: "2.5.3" };
    postMessage({ id, type: "measured", runtime, figures, samples, batch_runs: 6, clock: 0.1, reasons });
  },
};

onmessage = ({ data }) => handlers[data.type]?.(data);
