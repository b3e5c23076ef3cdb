/**
 * The resize of the device (tlpipe_edge/images/decode.py, VERSION 4): the same pixels, bit by bit.
 *
 * A region of an image is averaged in blocks of whole pixels if a side is at least twice too long, then interpolated
 * linearly. Both steps have the arithmetic of OpenCV 4.11 for uint8. Results have three channels.
 */

import { rounded } from "./pixels.js";

/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {"center-crop" | "stretch" | "letterbox"} Crop */
/** @typedef {{left: number, top: number, width: number, height: number}} Region */

const LETTERBOX_GREY = 128;
const WEIGHT_ONE = 1 << 11;

/**
 * Resize an image to size x size pixels.
 * @param {Pixels} image
 * @param {{size: number, crop: Crop}} spec
 * @returns {Pixels}
 */
export function resize(image, { size, crop }) {
  const { width, height } = image;
  if (crop === "stretch") return scaled(image, { left: 0, top: 0, width, height }, size, size);
  if (crop === "center-crop") {
    const side = Math.min(width, height);
    const [left, top] = [(width - side) >> 1, (height - side) >> 1];
    return scaled(image, { left, top, width: side, height: side }, size, size);
  }
  const longest = Math.max(width, height);
  const [columns, rows] = [width, height].map((length) => Math.max(1, rounded((length * size) / longest)));
  return boxed(scaled(image, { left: 0, top: 0, width, height }, columns, rows), size);
}

/**
 * An image in the centre of a grey square.
 * @param {Pixels} image
 * @param {number} size
 * @returns {Pixels}
 */
function boxed({ data, width, height }, size) {
  const box = new Uint8Array(size * size * 3).fill(LETTERBOX_GREY);
  const [left, top] = [(size - width) >> 1, (size - height) >> 1];
  for (let y = 0; y < height; y++) {
    box.set(data.subarray(y * width * 3, (y + 1) * width * 3), ((top + y) * size + left) * 3);
  }
  return { data: box, width: size, height: size, channels: 3 };
}

/**
 * @param {Pixels} image
 * @param {Region} region
 * @param {number} width
 * @param {number} height
 * @returns {Pixels}
 */
function scaled(image, region, width, height) {
  const columns = Math.max(1, Math.floor(region.width / width));
  const rows = Math.max(1, Math.floor(region.height / height));
  if (columns === 1 && rows === 1) return interpolated(image, region, width, height);
  const smaller = averaged(image, region, columns, rows);
  return interpolated(smaller, { left: 0, top: 0, width: smaller.width, height: smaller.height }, width, height);
}

/**
 * The average of each block of columns x rows pixels, as INTER_AREA computes it for whole factors. Pixels outside the
 * blocks are cut off, half of them at each end.
 * @param {Pixels} image
 * @param {Region} region
 * @param {number} columns
 * @param {number} rows
 * @returns {Pixels}
 */
export function averaged(image, region, columns, rows) {
  const [width, height] = [Math.floor(region.width / columns), Math.floor(region.height / rows)];
  const [left, top] = [region.left + ((region.width % columns) >> 1), region.top + ((region.height % rows) >> 1)];
  const { data: source, channels } = image;
  const data = new Uint8Array(width * height * 3);
  const mean = meanOf(columns, rows);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      for (let row = 0; row < rows; row++) {
        let from = ((top + y * rows + row) * image.width + left + x * columns) * channels;
        for (let column = 0; column < columns; column++, from += channels) {
          red += source[from];
          green += source[from + 1];
          blue += source[from + 2];
        }
      }
      data[to] = mean(red);
      data[to + 1] = mean(green);
      data[to + 2] = mean(blue);
    }
  }
  return { data, width, height, channels: 3 };
}

/**
 * The mean from the sum of a block. OpenCV has integers for 2 x 2, and float32 for all others.
 * @param {number} columns
 * @param {number} rows
 * @returns {(sum: number) => number}
 */
function meanOf(columns, rows) {
  if (columns === 2 && rows === 2) return (sum) => (sum + 2) >> 2;
  const share = Math.fround(1 / (columns * rows));
  return (sum) => rounded(Math.fround(Math.fround(sum) * share));
}

/**
 * Linear interpolation with weights of 11 bits (INTER_LINEAR). Neither side is an exact half, which OpenCV averages.
 * @param {Pixels} image
 * @param {Region} region
 * @param {number} width
 * @param {number} height
 * @returns {Pixels}
 */
function interpolated(image, region, width, height) {
  const data = new Uint8Array(width * height * 3);
  const across = taps(region.width, width, { atEdge: "whole" });
  const down = taps(region.height, height, { atEdge: "split" });
  let [above, below] = [new Int32Array(width * 3), new Int32Array(width * 3)];
  let [numberAbove, numberBelow] = [NaN, NaN];
  for (let y = 0, to = 0; y < height; y++) {
    const row = down.at[y];
    if (row === numberBelow) {
      [above, below] = [below, above];
      [numberAbove, numberBelow] = [row, NaN];
    }
    if (row !== numberAbove) interpolateRow(image, region, row, across, above);
    if (row + 1 !== numberBelow) interpolateRow(image, region, row + 1, across, below);
    [numberAbove, numberBelow] = [row, row + 1];
    const [first, second] = [down.first[y], down.second[y]];
    for (let x = 0; x < width * 3; x++, to++) {
      data[to] = (((first * (above[x] >> 4)) >> 16) + ((second * (below[x] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { data, width, height, channels: 3 };
}

/**
 * @param {Pixels} image
 * @param {Region} region
 * @param {number} number of the row in the region, which may lie one outside of it
 * @param {ReturnType<typeof taps>} across
 * @param {Int32Array} into
 */
function interpolateRow({ data, width, channels }, region, number, across, into) {
  const y = Math.min(region.height - 1, Math.max(0, number));
  const start = ((region.top + y) * width + region.left) * channels;
  for (let x = 0, to = 0; x < across.at.length; x++, to += 3) {
    const left = start + across.at[x] * channels;
    const right = across.at[x] + 1 < region.width ? left + channels : left;
    const [first, second] = [across.first[x], across.second[x]];
    into[to] = data[left] * first + data[right] * second;
    into[to + 1] = data[left + 1] * first + data[right + 1] * second;
    into[to + 2] = data[left + 2] * first + data[right + 2] * second;
  }
}

/**
 * For each pixel of the result the first of its two sources, and their weights. At the edge OpenCV gives columns the
 * whole weight of the outermost one; for rows it repeats the outermost one, with both weights.
 * @param {number} from
 * @param {number} to
 * @param {{atEdge: "whole" | "split"}} options
 */
function taps(from, to, { atEdge }) {
  const scale = 1 / (to / from);
  const [at, first, second] = [new Int32Array(to), new Int32Array(to), new Int32Array(to)];
  for (let number = 0; number < to; number++) {
    const place = Math.fround((number + 0.5) * scale - 0.5);
    let whole = Math.floor(place);
    let rest = Math.fround(place - whole);
    if (atEdge === "whole" && (whole < 0 || whole >= from - 1)) {
      [whole, rest] = [whole < 0 ? 0 : from - 1, 0];
    }
    at[number] = whole;
    first[number] = rounded(Math.fround(Math.fround(1 - rest) * WEIGHT_ONE));
    second[number] = rounded(Math.fround(rest * WEIGHT_ONE));
  }
  return { at, first, second };
}
