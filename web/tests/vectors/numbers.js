/** What the page computes from numbers: `node numbers.js FOLDER` reads given.json, and writes found.json. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { figures } from "../../src/bench/figures.js";
import { Smoother } from "../../src/camera/smoothing.js";
import { decide, probabilities, tensorMaker, topK } from "../../src/model/scores.js";

/**
 * @typedef {import("../../src/model/scores.js").TensorSpec} TensorSpec
 * @typedef {import("../../src/model/scores.js").Ending} Ending
 * @typedef {{
 *   frames: {threshold: number, smoothing: number, scores: number[][]}[], tops: {scores: number[], k: number}[],
 *   inputs: TensorSpec[], outputs: {values: number[], tensor: TensorSpec, ending: Ending}[], samples: number[][],
 * }} Given
 */

const folder = process.argv[2];
/** @type {Given} */
const given = JSON.parse(readFileSync(join(folder, "given.json"), "utf8"));
const pixels = Uint8Array.from({ length: 256 }, (_, pixel) => pixel);
const found = {
  frames: given.frames.map(({ scores, threshold, smoothing }) => {
    const smoother = new Smoother({ smoothing });
    return scores.map((each) => {
      const smoothed = smoother.smoothed(Float32Array.from(each));
      return { ...decide(smoothed, { threshold, k: 1 }), scores: Array.from(smoothed) };
    });
  }),
  tops: given.tops.map(({ scores, k }) => topK(Float32Array.from(scores), k)),
  inputs: given.inputs.map((tensor) => Array.from(tensorMaker(tensor)(pixels))),
  outputs: given.outputs.map(({ values, tensor, ending }) => Array.from(probabilities(values, tensor, ending))),
  samples: given.samples.map(figures),
};
writeFileSync(join(folder, "found.json"), JSON.stringify(found));
