/** From pixels to the input of a model, and from its output to scores, with the device's arithmetic in float32. */

import { rounded } from "../images/pixels.js";

/** A stored integer q stands for scale * (q - zero_point); scale 0: none. The same as Tensor of the manifest.
 * @typedef {{dtype: string, shape: number[], scale: number, zero_point: number}} TensorSpec
 * The values of an input tensor.
 * @typedef {Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>} Values
 * What the values of an output are; of probabilities, those that stand for 0 and 1 (tlpipe_edge/tflite/ending.py).
 * @typedef {{kind: "probabilities" | "logits", minimum: number, maximum: number}} Ending
 */

/** @type {Record<string, [number, number]>} */
const LIMITS = { uint8: [0, 255], int32: [-(2 ** 31), 2 ** 31 - 1] };

/**
 * A function from RGB pixels to the values of the input tensor (tlpipe_edge/tflite/tensors.py). Normalization is inside
 * the model. The result may be the pixels themselves. Raise Error for a type that LiteRT.js does not have.
 * @param {TensorSpec} input
 * @returns {(pixels: Uint8Array<ArrayBuffer>) => Values}
 */
export function tensorMaker({ dtype, scale, zero_point }) {
  if (dtype === "float32") return (pixels) => Float32Array.from(pixels);
  if (dtype !== "uint8" && dtype !== "int32") throw new Error(`an input of the type ${dtype}`);
  const stored = (/** @type {number} */ pixel) => {
    if (!scale) return pixel;
    const value = rounded(Math.fround(pixel / Math.fround(scale))) + zero_point;
    return Math.min(LIMITS[dtype][1], Math.max(LIMITS[dtype][0], value));
  };
  const table = Int32Array.from({ length: 256 }, (_, pixel) => stored(pixel));
  if (dtype === "int32") return (pixels) => Int32Array.from(pixels, (pixel) => table[pixel]);
  return table.every((value, pixel) => value === pixel)
    ? (pixels) => pixels
    : (pixels) => pixels.map((pixel) => table[pixel]);
}

/**
 * Probabilities from the values of the output tensor. Raise Error if a logit is not finite.
 * @param {ArrayLike<number>} values
 * @param {TensorSpec} output
 * @param {Ending} ending
 * @returns {Float32Array}
 */
export function probabilities(values, { scale, zero_point }, { kind, minimum, maximum }) {
  let scores = Float32Array.from(values);
  if (scale) scores = scores.map((value) => Math.fround(scale) * Math.fround(value - Math.fround(zero_point)));
  if (kind === "logits") return softmax(scores);
  if (minimum === 0 && maximum === 1) return scores;
  const range = Math.fround(maximum - minimum);
  return scores.map((score) => Math.min(1, Math.max(0, Math.fround(score - Math.fround(minimum)) / range)));
}

/** @param {Float32Array} logits */
function softmax(logits) {
  if (!logits.every(Number.isFinite)) throw new Error("the model gives scores that are not finite");
  const highest = logits.reduce((one, other) => Math.max(one, other));
  const raised = Array.from(logits, (logit) => Math.exp(logit - highest));
  const sum = raised.reduce((one, other) => one + other);
  return Float32Array.from(raised, (value) => value / sum);
}

/**
 * The indices of the k best scores, best first, the lower index first where scores tie.
 * @param {Float32Array} scores
 * @param {number} k
 * @returns {number[]}
 */
export function topK(scores, k) {
  const order = Array.from(scores, (_, index) => index);
  return order.sort((one, other) => scores[other] - scores[one] || one - other).slice(0, k);
}

/**
 * The best ``k`` labels, and whether the label is unknown, since the highest score is below ``threshold`` (0 to 1).
 * @param {Float32Array} scores
 * @param {{threshold: number, k: number}} options
 */
export function decide(scores, { threshold, k }) {
  const best = topK(scores, k);
  return { best, isUnknown: scores[best[0]] < threshold };
}
