/** Reads the entropy-coded data of a JPEG (ITU-T T.81, annex F). */

/** Data that a JPEG library would guess around. */
export class DamagedScan extends Error {}

/** For each 16 bits that may come next: the length of the code times 256, and its symbol; 0 if there is none. */
const TABLE_SIZE = 1 << 16;

/**
 * The table of a code from the numbers of codes of 1 to 16 bits, and the symbols in their order (annex C).
 * @param {Uint8Array} counts
 * @param {Uint8Array} symbols
 * @returns {Uint16Array}
 */
export function tableOf(counts, symbols) {
  const table = new Uint16Array(TABLE_SIZE);
  let [code, next] = [0, 0];
  for (let length = 1; length <= 16; length++, code <<= 1) {
    for (let left = counts[length - 1]; left > 0; left--, code++, next++) {
      const first = code << (16 - length);
      table.fill((length << 8) | symbols[next], first, first + (1 << (16 - length)));
    }
  }
  return table;
}

/** Reads codes and numbers of a scan, between two restart markers. */
export class Bits {
  #bits = 0;
  #count = 0;
  /** Bits after the end of the data, which were given as zeros. */
  #invented = 0;

  /**
   * @param {Uint8Array} data
   * @param {number} at where the scan begins
   */
  constructor(data, at) {
    this.data = data;
    this.at = at;
  }

  /** At least 25 bits are there then. */
  #fill() {
    while (this.#count <= 24) {
      let byte = this.data[this.at];
      if (byte === undefined || (byte === 0xff && this.data[this.at + 1] !== 0)) {
        byte = 0;
        this.#invented += 8;
      } else this.at += byte === 0xff ? 2 : 1;
      this.#bits = (this.#bits << 8) | byte;
      this.#count += 8;
    }
  }

  /** The next symbol. @param {Uint16Array} table */
  symbol(table) {
    if (this.#count < 16) this.#fill();
    const found = table[(this.#bits >>> (this.#count - 16)) & 0xffff];
    if (found === 0) throw new DamagedScan("a code that there is not");
    this.#count -= found >> 8;
    return found & 0xff;
  }

  /** The next number of ``length`` bits, 1 to 15, with a sign (F.2.2.1, EXTEND). @param {number} length */
  number(length) {
    const found = this.raw(length);
    return found < 1 << (length - 1) ? found - (1 << length) + 1 : found;
  }

  /** The next ``length`` bits, 0 to 15. @param {number} length */
  raw(length) {
    if (this.#count < length) this.#fill();
    this.#count -= length;
    return (this.#bits >>> this.#count) & ((1 << length) - 1);
  }

  /** After the last bit: the data must have had them all. Go on behind the restart marker of this number, if any. */
  end(/** @type {number | null} */ restart) {
    if (this.#invented > this.#count) throw new DamagedScan("it ends too early");
    [this.#bits, this.#count, this.#invented] = [0, 0, 0];
    if (restart === null) return;
    while (this.data[this.at] === 0xff && this.data[this.at + 1] === 0xff) this.at++;
    if (this.data[this.at] !== 0xff || this.data[this.at + 1] !== 0xd0 + restart) {
      throw new DamagedScan("a restart marker is missing");
    }
    this.at += 2;
  }
}
