/**
 * A file becomes pixels, as on the device (tlpipe_edge/images/decode.py). jpeg/decode.js decodes nearly all JPEGs.
 * The browser decodes other files, without their metadata, so that it applies no colour profile. EXIF turns them here.
 *
 * In Chromium the pixels are those of the device (tests/web/test_decode_port.py) for JPEG, PNG (of 16 bits, grey, with
 * a palette or transparent, too), GIF, BMP, WebP and opaque AVIF. What differs:
 * - a JPEG that jpeg/decode.js does not read, such as one of RGB, if the device decodes it at a fraction of its size:
 *   by 0.4 of 255 on average; by 3 if it has the colours of every fourth pixel only (4:1:1), which is rare;
 * - a JPEG of CMYK: by 1 or 2 of 255, because OpenCV and Chromium convert it differently;
 * - a transparent AVIF: by 5 of 255 on average;
 * - an image that is fully transparent, of which the device uses the colours, is refused: a canvas loses them.
 */

import { recognize } from "./formats.js";
import { decodeJpeg } from "./jpeg/decode.js";
import { separated } from "./metadata.js";
import { upright } from "./pixels.js";
import { reduced, reduction } from "./reduce.js";

/** @typedef {import("./pixels.js").Pixels} Pixels */
/** @typedef {import("./formats.js").Format} Format */
/** @typedef {import("./resize.js").Crop} Crop */
/**
 * ``approximate``: the device may decode this file a little differently: it is one of those above, of a format whose
 * decoders differ, or it is transparent.
 * @typedef {{pixels: Pixels, approximate: boolean}} Decoded
 */

const MAX_PIXELS = 100_000_000;
const MAX_BYTES = 4 * MAX_PIXELS + 1_000_000;
const REPLACE = "Replace it or leave it out.";
/** Formats that every browser reads which has WebAssembly SIMD. */
const EVERYWHERE = ["JPEG", "PNG", "BMP", "GIF", "WebP"];
/** Formats whose decoders give the same pixels everywhere. */
const EXACT = ["PNG", "BMP", "GIF", "WebP"];
/** Rows that are read at once, a multiple of 8: some browsers have no canvas as large as a photograph. */
const STRIP = 512;

/** An image that cannot be decoded: ``kind`` "format" if it is one that no browser, or not this one, reads. */
export class UnreadableImage extends Error {
  /**
   * @param {"format" | "unreadable"} kind
   * @param {string} reason
   * @param {string} advice
   */
  constructor(kind, reason, advice) {
    super(reason);
    this.kind = kind;
    this.advice = advice;
  }
}

/**
 * Decode a file for a model with this image spec. Raise UnreadableImage.
 * @param {Blob} file
 * @param {{size: number, crop: Crop}} spec
 * @returns {Promise<Decoded>}
 */
export async function decode(file, spec) {
  const data = await bytesOf(file);
  const format = recognize(data);
  if (!format) throw unreadable("This is not an image of a known format.", "Choose a photograph, such as a JPEG.");
  if (!format.type) throw notHere(format, "is not read here");
  const separate = await separateFrom(data, format);
  checkSize(separate.width, separate.height);
  if (format.name === "JPEG") {
    const factor = reduction(separate.width, separate.height, spec);
    const pixels = decodeJpeg(data, factor);
    if (pixels) return { pixels: upright(pixels, separate.orientation), approximate: false };
  }
  const bitmap = await opened(new Blob(separate.content, { type: format.type }), format);
  try {
    checkSize(bitmap.width, bitmap.height);
    const isJpeg = format.name === "JPEG";
    const factor = isJpeg ? reduction(bitmap.width, bitmap.height, spec) : 1;
    const stored = isJpeg ? opaque(bitmap, factor) : whole(bitmap);
    const approximate = onWhite(stored) || !EXACT.includes(format.name);
    return { pixels: upright(stored, separate.orientation), approximate };
  } finally {
    bitmap.close();
  }
}

/** @param {string} reason @param {string} advice */
function unreadable(reason, advice) {
  return new UnreadableImage("unreadable", reason, advice);
}

/** @param {Format} format @param {string} why */
function notHere({ name, advice }, why) {
  return new UnreadableImage("format", `The format of this file, ${name}, ${why}.`, advice);
}

/** @param {Blob} file */
async function bytesOf(file) {
  if (file.size === 0) throw unreadable("This file has 0 bytes.", REPLACE);
  if (file.size > MAX_BYTES) throw unreadable("This file is too large for an image.", REPLACE);
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw unreadable("This file can no longer be read.", "Choose it again.");
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {Format} format
 */
async function separateFrom(data, format) {
  let found;
  try {
    found = await separated(data, format.name);
  } catch (error) {
    throw unreadable(`This ${format.name} is damaged: ${/** @type {Error} */ (error).message}.`, REPLACE);
  }
  // An end before the pixels belongs to an embedded thumbnail.
  if (found.pixelsAt !== undefined && !hasEnd(data.subarray(found.pixelsAt))) {
    throw unreadable("This JPEG is truncated.", REPLACE);
  }
  return found;
}

/** Whether a JPEG has its end marker. @param {Uint8Array} data */
function hasEnd(data) {
  let at = data.lastIndexOf(0xd9);
  while (at > 0 && data[at - 1] !== 0xff) at = data.lastIndexOf(0xd9, at - 1);
  return at > 0;
}

/** @param {number} width @param {number} height */
function checkSize(width, height) {
  if (width * height <= MAX_PIXELS) return;
  const found = `This image has ${width} x ${height} pixels, more than ${MAX_PIXELS / 1e6} million.`;
  throw unreadable(found, "Scale it down.");
}

/**
 * @param {Blob} content
 * @param {Format} format
 */
async function opened(content, format) {
  try {
    return await createImageBitmap(content, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    if (!EVERYWHERE.includes(format.name)) throw notHere(format, "is not read by this browser, or it is damaged");
    throw unreadable(`This ${format.name} is damaged: it cannot be decoded.`, REPLACE);
  }
}

/**
 * The pixels of a frame of the camera. The caller closes it.
 * @param {ImageBitmap} bitmap
 * @returns {Pixels}
 */
export function fromFrame(bitmap) {
  const data = rows(bitmap, 0, bitmap.height);
  return { data, width: bitmap.width, height: bitmap.height, channels: 4 };
}

/**
 * An opaque image, reduced strip by strip: a whole one of 50 million pixels would need 200 MB.
 * @param {ImageBitmap} bitmap
 * @param {number} factor
 * @returns {Pixels}
 */
function opaque(bitmap, factor) {
  if (factor === 1) return whole(bitmap);
  const [width, height] = [Math.ceil(bitmap.width / factor), Math.ceil(bitmap.height / factor)];
  const data = new Uint8Array(width * height * 3);
  for (let top = 0, to = 0; top < bitmap.height; top += STRIP) {
    const count = Math.min(STRIP, bitmap.height - top);
    const strip = reduced({ data: rows(bitmap, top, count), width: bitmap.width, height: count, channels: 4 }, factor);
    data.set(strip.data, to);
    to += strip.data.length;
  }
  return { data, width, height, channels: 3 };
}

/** @param {ImageBitmap} bitmap @returns {Pixels} */
function whole(bitmap) {
  const { width, height } = bitmap;
  const data = new Uint8Array(width * height * 4);
  for (let top = 0; top < height; top += STRIP) {
    data.set(rows(bitmap, top, Math.min(STRIP, height - top)), top * width * 4);
  }
  return { data, width, height, channels: 4 };
}

/** @type {OffscreenCanvasRenderingContext2D | null} */
let context = null;

/**
 * Rows of an image as RGBA.
 * @param {ImageBitmap} bitmap
 * @param {number} top
 * @param {number} count
 */
function rows(bitmap, top, count) {
  const { width } = bitmap;
  if (context?.canvas.width !== width || context.canvas.height !== count) {
    const canvas = new OffscreenCanvas(width, count);
    context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("this browser has no canvas");
    context.globalCompositeOperation = "copy";
    context.imageSmoothingEnabled = false;
  }
  context.drawImage(bitmap, 0, -top);
  return context.getImageData(0, 0, width, count).data;
}

/**
 * Blend transparent pixels with white, as Pillow does it. Raise UnreadableImage if all of them are fully transparent:
 * the device uses their colours, which a canvas has lost.
 * @param {Pixels} image
 * @returns {boolean} whether there were any
 */
function onWhite({ data, channels }) {
  if (channels === 3) return false;
  let [minimum, maximum] = [255, 0];
  for (let at = 3; at < data.length; at += 4) {
    minimum = Math.min(minimum, data[at]);
    maximum = Math.max(maximum, data[at]);
  }
  if (minimum === 255) return false;
  if (maximum === 0) throw unreadable("This image is fully transparent.", "Save it without transparency.");
  for (let at = 0; at < data.length; at += 4) {
    const alpha = data[at + 3];
    for (let channel = at; channel < at + 3; channel++) {
      const sum = (data[channel] * alpha + 255 * (255 - alpha)) * 128 + (0x80 << 7);
      data[channel] = ((sum >> 8) + sum) >> 15;
    }
  }
  return true;
}
