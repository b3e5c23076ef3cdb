/**
 * An image: rows from the top, each pixel with red, green and blue first. A fourth channel is ignored.
 * @typedef {{
 *   data: Uint8Array<ArrayBuffer> | Uint8ClampedArray<ArrayBuffer>, width: number, height: number, channels: 3 | 4,
 * }} Pixels
 */

/** The whole number next to x, of two equally near ones the even one, as rint and Python's round do. */
export function rounded(/** @type {number} */ x) {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/**
 * An image turned upright by its EXIF orientation 1 to 8 (Exif 2.3, 4.6.4): transposed, then mirrored.
 * @param {Pixels} image
 * @param {number} orientation
 * @returns {Pixels}
 */
export function upright(image, orientation) {
  if (orientation === 1) return image;
  const transposed = orientation >= 5;
  const { width, height, channels } = image;
  const [columns, rows] = transposed ? [height, width] : [width, height];
  const [right, down] = transposed ? [width * channels, channels] : [channels, width * channels];
  const mirrored = [2, 3, 6, 7].includes(orientation);
  const flipped = [3, 4, 7, 8].includes(orientation);
  const start = (mirrored ? (columns - 1) * right : 0) + (flipped ? (rows - 1) * down : 0);
  const [across, below] = [mirrored ? -right : right, flipped ? -down : down];
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < rows; y++) {
    for (let x = 0, from = start + y * below; x < columns; x++, from += across) {
      for (let channel = 0; channel < channels; channel++) data[to++] = image.data[from + channel];
    }
  }
  return { data, width: columns, height: rows, channels };
}
