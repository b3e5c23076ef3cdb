/**
 * The inverse DCT of libjpeg-turbo: of all 8 x 8 values (jidctint.c), and of averages of them (jidctred.c), in its
 * fixed point arithmetic, so that no bit differs. ``block`` has dequantized coefficients in rows; the values go
 * to ``to``, from ``at`` on, in rows of ``stride``.
 * This is based in part on the work of the Independent JPEG Group.
 *
 * @typedef {(block: Int32Array, to: Uint8ClampedArray, at: number, stride: number) => void} Inverse
 */

import { DamagedScan } from "./huffman.js";

const [CONST_BITS, PASS1_BITS] = [13, 2];
const work = new Int32Array(64);

/** By the length of a side of the result. @type {Record<number, Inverse>} */
export const INVERSES = { 1: to1, 2: to2, 4: to4, 8: to8 };

/** More than any coefficient of 8 bits, which is below 2,048. */
const TOO_LARGE = 4096;

/**
 * A coefficient. Raise DamagedScan for one that no image has: libjpeg-turbo computes with 16 bits, and would overflow.
 * @param {number} value
 * @param {number} step
 */
export function dequantized(value, step) {
  const found = value * step;
  if (found >= TOO_LARGE || found <= -TOO_LARGE) throw new DamagedScan("a coefficient that is too large");
  return found;
}

/** @param {number} value @param {number} bits */
function descaled(value, bits) {
  return (value + (1 << (bits - 1))) >> bits;
}

/** @type {Inverse} */
function to1(block, to, at) {
  to[at] = descaled(block[0], 3) + 128;
}

/** @type {Inverse} */
function to2(block, to, at, stride) {
  for (let column = 0; column < 8; column += column === 0 ? 1 : 2) {
    const even = block[column] << (CONST_BITS + 2);
    const odd = odd2(block[column + 8], block[column + 24], block[column + 40], block[column + 56]);
    work[column] = descaled(even + odd, CONST_BITS - PASS1_BITS + 2);
    work[column + 8] = descaled(even - odd, CONST_BITS - PASS1_BITS + 2);
  }
  for (let row = 0; row < 16; row += 8, at += stride) {
    const even = work[row] << (CONST_BITS + 2);
    const odd = odd2(work[row + 1], work[row + 3], work[row + 5], work[row + 7]);
    to[at] = descaled(even + odd, CONST_BITS + PASS1_BITS + 5) + 128;
    to[at + 1] = descaled(even - odd, CONST_BITS + PASS1_BITS + 5) + 128;
  }
}

/** @param {number} one @param {number} three @param {number} five @param {number} seven */
function odd2(one, three, five, seven) {
  return one * 29692 - three * 10426 + five * 6967 - seven * 5906;
}

/** @type {Inverse} */
function to4(block, to, at, stride) {
  const shift = CONST_BITS - PASS1_BITS + 1;
  for (let column = 0; column < 8; column += column === 3 ? 2 : 1) {
    const [z1, z2, z3, z4] = [block[column + 56], block[column + 40], block[column + 24], block[column + 8]];
    const dc = block[column] << (CONST_BITS + 1);
    const even = block[column + 16] * 15137 - block[column + 48] * 6270;
    const inner = -z1 * 1730 + z2 * 11893 - z3 * 17799 + z4 * 8697;
    const outer = -z1 * 4176 - z2 * 4926 + z3 * 7373 + z4 * 20995;
    work[column] = descaled(dc + even + outer, shift);
    work[column + 24] = descaled(dc + even - outer, shift);
    work[column + 8] = descaled(dc - even + inner, shift);
    work[column + 16] = descaled(dc - even - inner, shift);
  }
  const last = CONST_BITS + PASS1_BITS + 4;
  for (let row = 0; row < 32; row += 8, at += stride) {
    const [z1, z2, z3, z4] = [work[row + 7], work[row + 5], work[row + 3], work[row + 1]];
    const dc = work[row] << (CONST_BITS + 1);
    const even = work[row + 2] * 15137 - work[row + 6] * 6270;
    const inner = -z1 * 1730 + z2 * 11893 - z3 * 17799 + z4 * 8697;
    const outer = -z1 * 4176 - z2 * 4926 + z3 * 7373 + z4 * 20995;
    to[at] = descaled(dc + even + outer, last) + 128;
    to[at + 3] = descaled(dc + even - outer, last) + 128;
    to[at + 1] = descaled(dc - even + inner, last) + 128;
    to[at + 2] = descaled(dc - even - inner, last) + 128;
  }
}

const line = new Int32Array(8);

/** @type {Inverse} */
function to8(block, to, at, stride) {
  for (let column = 0; column < 8; column++) {
    transform8(block, column, 8);
    for (let row = 0; row < 8; row++) work[row * 8 + column] = descaled(line[row], CONST_BITS - PASS1_BITS);
  }
  for (let row = 0; row < 8; row++, at += stride) {
    transform8(work, row * 8, 1);
    for (let column = 0; column < 8; column++) {
      to[at + column] = descaled(line[column], CONST_BITS + PASS1_BITS + 3) + 128;
    }
  }
}

/**
 * Eight values, ``step`` apart, into ``line``, scaled up.
 * @param {Int32Array} from
 * @param {number} at
 * @param {number} step
 */
function transform8(from, at, step) {
  const [c2, c6] = [from[at + 2 * step], from[at + 6 * step]];
  const z1 = (c2 + c6) * 4433;
  const [even2, even3] = [z1 - c6 * 15137, z1 + c2 * 6270];
  const even0 = (from[at] + from[at + 4 * step]) << CONST_BITS;
  const even1 = (from[at] - from[at + 4 * step]) << CONST_BITS;
  const [c7, c5, c3, c1] = [from[at + 7 * step], from[at + 5 * step], from[at + 3 * step], from[at + step]];
  const z5 = (c7 + c3 + c5 + c1) * 9633;
  const [y1, y2] = [(c7 + c1) * -7373, (c5 + c3) * -20995];
  const [y3, y4] = [(c7 + c3) * -16069 + z5, (c5 + c1) * -3196 + z5];
  const odd0 = c7 * 2446 + y1 + y3;
  const odd1 = c5 * 16819 + y2 + y4;
  const odd2 = c3 * 25172 + y2 + y3;
  const odd3 = c1 * 12299 + y1 + y4;
  line[0] = even0 + even3 + odd3;
  line[7] = even0 + even3 - odd3;
  line[1] = even1 + even2 + odd2;
  line[6] = even1 + even2 - odd2;
  line[2] = even1 - even2 + odd1;
  line[5] = even1 - even2 - odd1;
  line[3] = even0 - even3 + odd0;
  line[4] = even0 - even3 - odd0;
}
