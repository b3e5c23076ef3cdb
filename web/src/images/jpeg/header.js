/** What a JPEG says between its scans (ITU-T T.81, annex B), as far as decode.js needs it. */

import { tableOf } from "./huffman.js";

/**
 * ``quantization`` is in the order of the coefficients in the file.
 * @typedef {{id: number, h: number, v: number, quantization: Uint16Array}} Component
 * @typedef {{width: number, height: number, components: Component[], isProgressive: boolean}} Header
 *
 * The codes of a component in a scan; one that the scan does not need may be missing.
 * @typedef {{number: number, dc: Uint16Array, ac: Uint16Array}} Coded
 * A scan: its components by their numbers, the first and the last coefficient, the bit that was known before (0: none),
 * the bit that is known then, and where its data begin.
 * @typedef {{coded: Coded[], first: number, last: number, high: number, low: number, at: number}} Scan
 */

export class Reader {
  /** @type {Record<number, Uint16Array>} */
  #quantizations = {};
  /** By class (0: DC, 16: AC) plus number. @type {Record<number, Uint16Array>} */
  #codes = {};
  /** @type {Uint8Array} */
  #frame = new Uint8Array(0);
  #isProgressive = false;
  #isJfif = false;
  #transform = -1;
  /** Units between two restart markers; 0 if there are none. */
  restart = 0;

  /** @param {Uint8Array} data */
  constructor(data) {
    this.data = data;
  }

  /**
   * Read the segments from ``at`` up to the next scan. Null if there is none, or this is a JPEG of another kind.
   * @param {number} at
   * @returns {Scan | null}
   */
  next(at) {
    const { data } = this;
    while (at + 4 <= data.length && data[at] === 0xff) {
      const marker = data[at + 1];
      if (marker === 0xff) {
        at++;
        continue;
      }
      const end = at + 2 + ((data[at + 2] << 8) | data[at + 3]);
      if (end > data.length) return null;
      const segment = data.subarray(at + 4, end);
      if (marker === 0xda) return this.#scan(segment, end);
      if (!this.#take(marker, segment)) return null;
      at = end;
    }
    return null;
  }

  /**
   * Keep what a segment says. False if it is of another kind of JPEG.
   * @param {number} marker
   * @param {Uint8Array} segment
   */
  #take(marker, segment) {
    if (marker >= 0xc0 && marker <= 0xc2) {
      this.#frame = segment;
      this.#isProgressive = marker === 0xc2;
    } else if (marker === 0xc4) return this.#takeCodes(segment);
    else if (marker === 0xdb) return this.#takeQuantizations(segment);
    else if (marker === 0xdd) this.restart = (segment[0] << 8) | segment[1];
    else if (marker === 0xe0) this.#isJfif ||= String.fromCharCode(...segment.subarray(0, 5)) === "JFIF\0";
    else if (marker === 0xee && String.fromCharCode(...segment.subarray(0, 5)) === "Adobe")
      this.#transform = segment[11];
    else return marker >= 0xe1 || marker < 0xc0;
    return true;
  }

  /** @param {Uint8Array} segment */
  #takeCodes(segment) {
    for (let at = 0; at < segment.length;) {
      const counts = segment.subarray(at + 1, at + 17);
      const end = at + 17 + counts.reduce((sum, count) => sum + count, 0);
      if (end > segment.length) return false;
      this.#codes[segment[at]] = tableOf(counts, segment.subarray(at + 17, end));
      at = end;
    }
    return true;
  }

  /** @param {Uint8Array} segment */
  #takeQuantizations(segment) {
    for (let at = 0; at < segment.length;) {
      const bytes = segment[at] >> 4 ? 2 : 1;
      const values = segment.subarray(at + 1, at + 1 + 64 * bytes);
      if (values.length < 64 * bytes) return false;
      this.#quantizations[segment[at] & 15] = Uint16Array.from({ length: 64 }, (_, number) =>
        bytes === 1 ? values[number] : (values[2 * number] << 8) | values[2 * number + 1],
      );
      at += 1 + 64 * bytes;
    }
    return true;
  }

  /** What the frame says, after the first scan was found; null if it is of another kind. @returns {Header | null} */
  header() {
    const frame = this.#frame;
    const count = frame[5];
    if (frame.length < 6 + 3 * count || frame[0] !== 8 || ![1, 3].includes(count)) return null;
    const components = Array.from({ length: count }, (_, number) => {
      const [id, sampling, table] = frame.subarray(6 + 3 * number, 9 + 3 * number);
      return { id, h: sampling >> 4, v: sampling & 15, quantization: this.#quantizations[table] };
    });
    if (components.some(({ quantization }) => !quantization) || !this.#isYcc(components)) return null;
    const [height, width] = [(frame[1] << 8) | frame[2], (frame[3] << 8) | frame[4]];
    return width && height ? { width, height, components, isProgressive: this.#isProgressive } : null;
  }

  /**
   * @param {Uint8Array} segment
   * @param {number} at
   * @returns {Scan | null}
   */
  #scan(segment, at) {
    const count = segment[0];
    if (segment.length < 4 + 2 * count) return null;
    const ids = Array.from({ length: this.#frame[5] ?? 0 }, (_, number) => this.#frame[6 + 3 * number]);
    const coded = Array.from({ length: count }, (_, number) => {
      const codes = segment[2 + 2 * number];
      const [dc, ac] = [this.#codes[codes >> 4], this.#codes[0x10 | (codes & 15)]];
      return { number: ids.indexOf(segment[1 + 2 * number]), dc, ac };
    });
    const [first, last, bits] = segment.subarray(1 + 2 * count);
    const isKnown = coded.length > 0 && coded.every(({ number }) => number >= 0);
    return isKnown ? { coded, first, last, high: bits >> 4, low: bits & 15, at } : null;
  }

  /** As libjpeg tells the colours (jdapimin.c). @param {Component[]} components */
  #isYcc(components) {
    if (components.length === 1 || this.#isJfif) return true;
    if (this.#transform >= 0) return this.#transform === 1;
    return components.map(({ id }) => id).join() !== "82,71,66";
  }
}
