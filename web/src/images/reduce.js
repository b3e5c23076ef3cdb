/**
 * The device decodes a large JPEG at 1/2, 1/4 or 1/8 of its size. Where jpeg/decode.js does not read its kind, averages
 * of all pixels stand in: libjpeg-turbo averages as well, but before it turns colours into RGB, and without rounding.
 */

/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {import("./resize.js").Crop} Crop */

/**
 * By which factor the device reduces a JPEG: 1, 2, 4 or 8.
 * @param {number} width
 * @param {number} height
 * @param {{size: number, crop: Crop}} spec
 * @returns {1 | 2 | 4 | 8}
 */
export function reduction(width, height, { size, crop }) {
  const short = crop === "letterbox" ? 1 : size;
  const maximum = Math.min(Math.floor(Math.min(width, height) / short), Math.floor(Math.max(width, height) / size));
  return /** @type {const} */ ([8, 4, 2]).find((factor) => factor <= maximum) ?? 1;
}

/**
 * Averages of blocks of factor x factor pixels; at the right and the lower end the outermost pixels count repeatedly.
 * Both sides are divided and rounded up.
 * @param {Pixels} image
 * @param {number} factor
 * @returns {Pixels}
 */
export function reduced({ data: source, width, height, channels }, factor) {
  const [columns, rows] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const data = new Uint8Array(columns * rows * 3);
  const [count, half] = [factor * factor, (factor * factor) >> 1];
  for (let y = 0, to = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, to += 3) {
      let [red, green, blue] = [half, half, half];
      for (let row = y * factor; row < (y + 1) * factor; row++) {
        const line = Math.min(height - 1, row) * width;
        for (let column = x * factor; column < (x + 1) * factor; column++) {
          const from = (line + Math.min(width - 1, column)) * channels;
          red += source[from];
          green += source[from + 1];
          blue += source[from + 2];
        }
      }
      data[to] = red / count;
      data[to + 1] = green / count;
      data[to + 2] = blue / count;
    }
  }
  return { data, width: columns, height: rows, channels: 3 };
}
