/** The scans of a progressive JPEG (ITU-T T.81, annex G): each one adds coefficients, or a bit of them. */

import { Bits, DamagedScan } from "./huffman.js";
import { dequantized, INVERSES } from "./idct.js";
import { ZIGZAG } from "./zigzag.js";

/** @typedef {import("./decode.js").Plane} Plane
 * @typedef {import("./header.js").Reader} Reader
 * @typedef {import("./header.js").Header} Header
 * @typedef {import("./header.js").Scan} Scan
 * The blocks of a plane, ``stride`` in a row; those of a scan of this component alone are ``columns`` x ``rows``.
 * ``unknown``: the lowest bit that is not known, for each coefficient.
 * @typedef {{
 *   plane: Plane, coefficients: Int16Array, stride: number, columns: number, rows: number, unknown: Uint8Array,
 *   last: number,
 * }} Grid
 * @typedef {(grid: Grid, codes: {dc: Uint16Array, ac: Uint16Array}, at: number) => void} ReadBlock
 */

/**
 * Read all scans. Raise DamagedScan, also if coefficients remain unknown: libjpeg would guess them.
 * @param {Reader} reader
 * @param {Scan} first
 * @param {Header} header
 * @param {Plane[]} planes
 */
export function readProgressive(reader, first, header, planes) {
  const { h, v } = planes[0].component;
  const units = { columns: Math.ceil(header.width / (8 * h)), rows: Math.ceil(header.height / (8 * v)) };
  const grids = planes.map((plane) => gridOf(plane, header, units, { h, v }));
  for (let scan = /** @type {Scan | null} */ (first); scan;) scan = reader.next(readScan(reader, scan, grids, units));
  for (const grid of grids) {
    if (grid.unknown.some((bit) => bit > 0)) throw new DamagedScan("scans are missing");
    invert(grid);
  }
}

/**
 * @param {Plane} plane
 * @param {{width: number, height: number}} size
 * @param {{columns: number, rows: number}} units
 * @param {{h: number, v: number}} maximum
 * @returns {Grid}
 */
function gridOf(plane, { width, height }, units, maximum) {
  const { h, v } = plane.component;
  const [columns, rows] = [Math.ceil((width * h) / maximum.h / 8), Math.ceil((height * v) / maximum.v / 8)];
  const stride = units.columns * h;
  const coefficients = new Int16Array(64 * stride * units.rows * v);
  return { plane, coefficients, stride, columns, rows, unknown: new Uint8Array(64).fill(255), last: 0 };
}

/**
 * Read a scan. Returns where its data end.
 * @param {Reader} reader
 * @param {Scan} scan
 * @param {Grid[]} grids
 * @param {{columns: number, rows: number}} units
 */
function readScan({ data, restart }, scan, grids, units) {
  const bits = new Bits(data, scan.at);
  const coded = scan.coded.map((each) => ({ ...each, grid: grids[each.number] }));
  const isAlone = coded.length === 1;
  const { columns, rows } = isAlone ? coded[0].grid : units;
  if (scan.last > 63 || scan.first > scan.last || (scan.first > 0 && !isAlone)) throw new DamagedScan("its parts");
  for (const { grid, dc, ac } of coded) {
    if (scan.first === 0 ? !dc && scan.high === 0 : !ac) throw new DamagedScan("a code is missing");
    grid.unknown.fill(scan.low, scan.first, scan.last + 1);
  }
  let read = blockReader(bits, scan);
  for (let unit = 0; unit < columns * rows; unit++) {
    if (unit % (restart || Infinity) === 0) {
      if (unit) bits.end((unit / restart - 1) % 8);
      read = blockReader(bits, scan);
      for (const grid of grids) grid.last = 0;
    }
    const [column, row] = [unit % columns, Math.floor(unit / columns)];
    for (const { grid, ...codes } of coded) {
      const { h, v } = isAlone ? { h: 1, v: 1 } : grid.plane.component;
      for (let y = row * v; y < (row + 1) * v; y++) {
        for (let x = column * h; x < (column + 1) * h; x++) read(grid, codes, 64 * (y * grid.stride + x));
      }
    }
  }
  bits.end(null);
  return bits.at;
}

/**
 * @param {Bits} bits
 * @param {Scan} scan
 * @returns {ReadBlock}
 */
function blockReader(bits, scan) {
  if (scan.first > 0) return scan.high === 0 ? firstAc(bits, scan) : refinedAc(bits, scan);
  if (scan.high > 0) {
    return ({ coefficients }, _, at) => {
      coefficients[at] |= bits.raw(1) << scan.low;
    };
  }
  return (grid, { dc }, at) => {
    const length = bits.symbol(dc);
    if (length > 15) throw new DamagedScan("a difference that is too long");
    if (length) grid.last += bits.number(length);
    grid.coefficients[at] = grid.last << scan.low;
  };
}

/**
 * The first bits of AC coefficients (G.1.2.2).
 * @param {Bits} bits
 * @param {Scan} scan
 * @returns {ReadBlock}
 */
function firstAc(bits, { first, last, low }) {
  let emptyBlocks = 0;
  return ({ coefficients }, { ac }, at) => {
    if (emptyBlocks > 0) {
      emptyBlocks--;
      return;
    }
    for (let number = first; number <= last; number++) {
      const symbol = bits.symbol(ac);
      const [zeros, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && zeros < 15) {
        emptyBlocks = (1 << zeros) + bits.raw(zeros) - 1;
        return;
      }
      number += zeros;
      if (size === 0) continue;
      if (number > 63) throw new DamagedScan("too many coefficients");
      coefficients[at + ZIGZAG[number]] = bits.number(size) << low;
    }
  };
}

/**
 * One more bit of AC coefficients (G.1.2.3).
 * @param {Bits} bits
 * @param {Scan} scan
 * @returns {ReadBlock}
 */
function refinedAc(bits, { first, last, low }) {
  let emptyBlocks = 0;
  /** Refine what is not zero, up to and without the zero number ``zeros``. Returns where that is. */
  const refine = (
    /** @type {Int16Array} */ all,
    /** @type {number} */ at,
    /** @type {number} */ from,
    /** @type {number} */ zeros,
  ) => {
    let number = from;
    for (; number <= last; number++) {
      const place = at + ZIGZAG[number];
      const value = all[place];
      if (value === 0) {
        if (zeros-- === 0) break;
      } else if (bits.raw(1) && (value & (1 << low)) === 0) all[place] += value > 0 ? 1 << low : -(1 << low);
    }
    return number;
  };
  return ({ coefficients }, { ac }, at) => {
    let number = first;
    while (emptyBlocks === 0 && number <= last) {
      const symbol = bits.symbol(ac);
      const [zeros, size] = [symbol >> 4, symbol & 15];
      if (size === 0 && zeros < 15) {
        emptyBlocks = (1 << zeros) + bits.raw(zeros);
        break;
      }
      const added = size === 0 ? 0 : (bits.raw(1) ? 1 : -1) << low;
      number = refine(coefficients, at, number, zeros);
      if (added) {
        if (number > last) throw new DamagedScan("too many coefficients");
        coefficients[at + ZIGZAG[number]] = added;
      }
      number++;
    }
    if (emptyBlocks > 0) {
      refine(coefficients, at, number, Infinity);
      emptyBlocks--;
    }
  };
}

/** The values of all blocks. @param {Grid} grid */
function invert({ plane, coefficients, stride }) {
  const { side, values, component } = plane;
  const quantization = new Int32Array(64);
  component.quantization.forEach((value, number) => (quantization[ZIGZAG[number]] = value));
  const block = new Int32Array(64);
  for (let number = 0; number * 64 < coefficients.length; number++) {
    for (let at = 0; at < 64; at++) block[at] = dequantized(coefficients[number * 64 + at], quantization[at]);
    const [x, y] = [number % stride, Math.floor(number / stride)];
    INVERSES[side](block, values, y * side * plane.stride + x * side, plane.stride);
  }
}
