/**
 * Decodes a JPEG, at 1/2, 1/4 or 1/8 of its size or whole, as libjpeg-turbo does it for the device: no bit differs, in
 * no browser.
 *
 * That is what cameras and most programs write: grey, or YCbCr of which the colours have the whole resolution, or half
 * of it, across or in both directions; baseline or progressive. For all other JPEGs there is null.
 */

import { Reader } from "./header.js";
import { Bits, DamagedScan } from "./huffman.js";
import { dequantized, INVERSES } from "./idct.js";
import { readProgressive } from "./progressive.js";
import { ZIGZAG } from "./zigzag.js";

/** @typedef {import("../pixels.js").Pixels} Pixels
 * @typedef {import("./header.js").Header} Header
 * @typedef {import("./header.js").Component} Component
 * @typedef {import("./header.js").Coded} Coded
 * @typedef {import("./header.js").Scan} Scan
 * ``side``: of the values that are made from a block; ``values`` in rows of ``stride``.
 * @typedef {{component: Component, side: number, values: Uint8ClampedArray, stride: number}} Plane
 */

/**
 * The image, its sides divided by ``factor`` and rounded up; null if it is another kind of JPEG, or damaged.
 * @param {Uint8Array} data
 * @param {1 | 2 | 4 | 8} factor
 * @returns {Pixels | null}
 */
export function decodeJpeg(data, factor) {
  const reader = new Reader(data);
  const scan = reader.next(2);
  const header = scan && reader.header();
  const planes = header && planesOf(header, factor);
  if (!planes) return null;
  try {
    if (header.isProgressive) readProgressive(reader, scan, header, planes);
    else readBaseline(reader, scan, header, planes);
  } catch (error) {
    if (error instanceof DamagedScan) return null;
    throw error;
  }
  return coloured(planes, Math.ceil(header.width / factor), Math.ceil(header.height / factor));
}

/**
 * A plane for each component; null for a sampling that is not read here. If the colours have half the resolution in
 * both directions, and there is room, twice as many of their values are made from a block, so that none is interpolated
 * (jdmaster.c).
 * @param {Header} header
 * @param {number} factor
 * @returns {Plane[] | null}
 */
function planesOf({ width, height, components }, factor) {
  if (components.length === 1) components = [{ ...components[0], h: 1, v: 1 }];
  const [{ h, v }, ...colours] = components;
  if (h > 2 || v > h || colours.some((each) => each.h !== 1 || each.v !== 1)) return null;
  const [columns, rows] = [Math.ceil(width / (8 * h)), Math.ceil(height / (8 * v))];
  return components.map((component, number) => {
    const side = Math.min(8, (8 / factor) * (number > 0 ? v : 1));
    const stride = columns * component.h * side;
    return { component, side, values: new Uint8ClampedArray(stride * rows * component.v * side), stride };
  });
}

/**
 * Decode all blocks, unit by unit.
 * @param {Reader} reader
 * @param {Scan} scan
 * @param {Header} header
 * @param {Plane[]} planes
 */
function readBaseline({ data, restart }, { coded, at }, { width, height }, planes) {
  if (
    coded.length !== planes.length ||
    coded.some(({ dc, ac }, index) => coded[index].number !== index || !dc || !ac)
  ) {
    throw new DamagedScan("components in several scans");
  }
  const bits = new Bits(data, at);
  const { h, v } = planes[0].component;
  const [columns, rows] = [Math.ceil(width / (8 * h)), Math.ceil(height / (8 * v))];
  const block = new Int32Array(64);
  const last = planes.map(() => 0);
  for (let unit = 0; unit < columns * rows; unit++) {
    if (restart && unit && unit % restart === 0) {
      bits.end((unit / restart - 1) % 8);
      last.fill(0);
    }
    const [column, row] = [unit % columns, Math.floor(unit / columns)];
    planes.forEach((plane, index) => {
      last[index] = readUnit(bits, coded[index], plane, { column, row, block, last: last[index] });
    });
  }
  bits.end(null);
}

/**
 * The blocks of one component in a unit. Returns the last DC coefficient.
 * @param {Bits} bits
 * @param {Coded} coded
 * @param {Plane} plane
 * @param {{column: number, row: number, block: Int32Array, last: number}} unit
 */
function readUnit(bits, coded, { component, side, values, stride }, { column, row, block, last }) {
  const { h, v, quantization } = component;
  for (let y = row * v; y < (row + 1) * v; y++) {
    for (let x = column * h; x < (column + 1) * h; x++) {
      last += readBlock(bits, coded, block, quantization);
      block[0] = dequantized(last, quantization[0]);
      INVERSES[side](block, values, y * side * stride + x * side, stride);
    }
  }
  return last;
}

/**
 * The dequantized AC coefficients of a block (F.2.2). Returns the difference of its DC coefficient.
 * @param {Bits} bits
 * @param {Coded} coded
 * @param {Int32Array} block
 * @param {Uint16Array} quantization
 */
function readBlock(bits, { dc, ac }, block, quantization) {
  block.fill(0);
  const length = bits.symbol(dc);
  if (length > 15) throw new DamagedScan("a difference that is too long");
  const difference = length ? bits.number(length) : 0;
  for (let number = 1; number < 64; number++) {
    const symbol = bits.symbol(ac);
    const [zeros, size] = [symbol >> 4, symbol & 15];
    number += zeros;
    if (size === 0) {
      if (zeros < 15) break;
      continue;
    }
    if (number > 63) throw new DamagedScan("too many coefficients");
    block[ZIGZAG[number]] = dequantized(bits.number(size), quantization[number]);
  }
  return difference;
}

/**
 * RGB from the planes (jdcolor.c).
 * @param {Plane[]} planes
 * @param {number} width
 * @param {number} height
 * @returns {Pixels}
 */
function coloured(planes, width, height) {
  const data = new Uint8ClampedArray(width * height * 3);
  for (let row = 0, to = 0; row < height; row++) {
    const [luma, blue, red] = planes.map((plane) => rowOf(plane, row, planes[0], { width, height }));
    for (let at = 0; at < width; at++, to += 3) {
      const y = luma[at];
      const [cb, cr] = blue ? [blue[at] - 128, red[at] - 128] : [0, 0];
      data[to] = y + ((91881 * cr + 32768) >> 16);
      data[to + 1] = y + ((-22554 * cb - 46802 * cr + 32768) >> 16);
      data[to + 2] = y + ((116130 * cb + 32768) >> 16);
    }
  }
  return { data, width, height, channels: 3 };
}

/**
 * The values of a row of the image, interpolated if the plane has half as many as that of luma.
 * @param {Plane} plane
 * @param {number} number
 * @param {Plane} luma
 * @param {{width: number, height: number}} size
 */
function rowOf(plane, number, luma, { width, height }) {
  if (plane.stride === luma.stride) return stored(plane, number, width);
  const [across, down] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const isHalfDown = plane.values.length * 4 === luma.values.length;
  const near = isHalfDown ? number >> 1 : number;
  const half = stored(plane, near, across);
  if (plane.side === 1 || across <= 2) return Uint8Array.from({ length: 2 * across }, (_, at) => half[at >> 1]);
  if (!isHalfDown) return widened(half);
  const far = Math.min(down - 1, Math.max(0, number % 2 ? near + 1 : near - 1));
  return widenedFromTwo(half, stored(plane, far, across));
}

/** @param {Plane} plane @param {number} number @param {number} count */
function stored({ values, stride }, number, count) {
  return values.subarray(number * stride, number * stride + count);
}

/**
 * Twice as many values as in a row (jdsample.c, h2v1_fancy_upsample).
 * @param {Uint8ClampedArray} row
 */
function widened(row) {
  const whole = new Uint8Array(2 * row.length);
  const last = row.length - 1;
  row.forEach((value, at) => {
    whole[2 * at] = at === 0 ? value : (3 * value + row[at - 1] + 1) >> 2;
    whole[2 * at + 1] = at === last ? value : (3 * value + row[at + 1] + 2) >> 2;
  });
  return whole;
}

/**
 * The same from the nearest row and the one beyond (h2v2_fancy_upsample).
 * @param {Uint8ClampedArray} near
 * @param {Uint8ClampedArray} far
 */
function widenedFromTwo(near, far) {
  const sums = Int32Array.from(near, (value, at) => 3 * value + far[at]);
  const whole = new Uint8Array(2 * sums.length);
  const last = sums.length - 1;
  sums.forEach((sum, at) => {
    whole[2 * at] = (3 * sum + (at === 0 ? sum : sums[at - 1]) + 8) >> 4;
    whole[2 * at + 1] = (3 * sum + (at === last ? sum : sums[at + 1]) + 7) >> 4;
  });
  return whole;
}
