/**
 * Separates the pixels of a file from its metadata, as the device does it (tlpipe_edge/images/metadata.py).
 *
 * What remains has no orientation and no colour profile: browsers differ in whether they can be told to ignore them.
 */

import { orientation } from "./exif.js";
import { latin1 } from "./formats.js";

/** Compressed metadata is expanded to at most this many bytes. */
const MAX_TEXT = 1 << 20;
const NOTHING = new Uint8Array(0);

/**
 * The file without its metadata, its orientation 1 to 8 as in EXIF, and its size as far as that is known without
 * decoding it (1 x 1 otherwise). Of a JPEG, ``pixelsAt`` is where its first scan begins.
 * @typedef {{
 *   content: Uint8Array<ArrayBuffer>[], orientation: number, width: number, height: number, pixelsAt?: number,
 * }} Separated
 */

/**
 * Separate a file of this format. Raise Error if the header of a JPEG is damaged or truncated.
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {string} format
 * @returns {Promise<Separated>}
 */
export async function separated(data, format) {
  if (format === "JPEG") return jpeg(data);
  if (format === "PNG") return png(data);
  if (format === "WebP") return webp(data);
  return { content: [data], orientation: 1, width: 1, height: 1 };
}

/**
 * The segments up to the first scan (ITU-T T.81, B.1). Of the application's, those of JFIF and Adobe remain: they say
 * how the colours are stored.
 * @param {Uint8Array<ArrayBuffer>} data
 * @returns {Separated}
 */
function jpeg(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let [exif, xmp, width, height, kept] = [NOTHING, NOTHING, 0, 0, 0];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const content = [];
  for (let at = data.indexOf(0xff, 2); at >= 0 && at + 4 <= data.length; at = data.indexOf(0xff, at)) {
    const marker = data[at + 1];
    if (marker === 0x00 || marker === 0xff || marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += marker === 0xff ? 1 : 2;
      continue;
    }
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > data.length || marker === 0xd9) break;
    const segment = data.subarray(at + 4, end);
    if (isFrame(marker) && segment.length >= 6) {
      [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
    } else if (marker === 0xe1 && begins(segment, "Exif\0\0")) {
      exif = exif.length ? exif : segment;
    } else if (marker === 0xe1 && begins(segment, "http://ns.adobe.com/xap/1.0/\0")) {
      xmp = segment;
    } else if (marker === 0xda && width && height) {
      content.push(data.subarray(kept));
      return { content, orientation: orientation(exif, xmp), width, height, pixelsAt: end };
    }
    if (isAside(marker)) {
      content.push(data.subarray(kept, at));
      kept = end;
    }
    at = end;
  }
  throw new Error("its header is truncated or damaged");
}

function isFrame(/** @type {number} */ marker) {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** A segment of an application, but those of JFIF and Adobe, or a comment. */
function isAside(/** @type {number} */ marker) {
  return (marker > 0xe0 && marker <= 0xef && marker !== 0xee) || marker === 0xfe;
}

/**
 * The critical chunks and tRNS (PNG, third edition, 5). Their checksums are left to the decoder.
 * @param {Uint8Array<ArrayBuffer>} data
 * @returns {Promise<Separated>}
 */
async function png(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const content = [data.subarray(0, 8)];
  let [exif, oldExif, xmp, at] = [NOTHING, NOTHING, NOTHING, 8];
  while (at + 12 <= data.length) {
    const end = at + 12 + view.getUint32(at);
    const kind = latin1(data.subarray(at + 4, at + 8));
    if (!/^[A-Za-z]{4}$/.test(kind) || kind === "IEND") break;
    const inside = data.subarray(at + 8, Math.max(at + 8, end - 4));
    if (/^[A-Z]/.test(kind) || kind === "tRNS") content.push(data.subarray(at, end));
    else if (
      end <= data.length &&
      mayHoldOrientation(kind, inside) &&
      crc32(data.subarray(at + 4, end - 4)) === view.getUint32(end - 4)
    ) {
      if (kind === "eXIf") exif = inside;
      else if (begins(inside, "XML:com.adobe.xmp\0")) xmp = await international(inside);
      else oldExif = await hexadecimal(inside, { compressed: kind === "zTXt" });
    }
    at = end;
  }
  content.push(data.subarray(at));
  const [width, height] = data.length >= 24 ? [view.getUint32(16), view.getUint32(20)] : [1, 1];
  return { content, orientation: orientation(exif.length ? exif : oldExif, xmp), width, height };
}

/**
 * @param {string} kind
 * @param {Uint8Array} inside
 */
function mayHoldOrientation(kind, inside) {
  return kind === "eXIf" || begins(inside, "Raw profile type exif\0") || begins(inside, "XML:com.adobe.xmp\0");
}

/**
 * EXIF in a text of three lines and then hexadecimal digits, of ImageMagick, before there was eXIf; empty if damaged.
 * @param {Uint8Array<ArrayBuffer>} inside
 * @param {{compressed: boolean}} options
 */
async function hexadecimal(inside, { compressed }) {
  const stored = inside.subarray(inside.indexOf(0) + 1);
  const text = latin1(compressed ? await expanded(stored.subarray(1)) : stored);
  const digits = text.split("\n").slice(3).join("");
  if (!/^(?:\s*[0-9A-Fa-f]{2})*\s*$/.test(digits)) return NOTHING;
  return Uint8Array.from(digits.match(/[0-9A-Fa-f]{2}/g) ?? [], (pair) => parseInt(pair, 16));
}

/** The text of an iTXt chunk; empty if it is damaged. @param {Uint8Array<ArrayBuffer>} inside */
async function international(inside) {
  const rest = inside.subarray(inside.indexOf(0) + 1);
  const translated = rest.indexOf(0, 2);
  const start = translated < 0 ? 2 : rest.indexOf(0, translated + 1) + 1 || translated + 1;
  return rest[0] === 1 ? expanded(rest.subarray(start)) : rest.subarray(start);
}

/** @param {Uint8Array<ArrayBuffer>} compressed */
async function expanded(compressed) {
  const chunks = [];
  let bytes = 0;
  try {
    const reader = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
    while (bytes < MAX_TEXT) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
      bytes += value.length;
    }
    await reader.cancel();
  } catch {
    return NOTHING;
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer()).subarray(0, MAX_TEXT);
}

/** Chunks of a WebP that hold pixels (RFC 9649, 2.7). */
const OF_PIXELS = ["VP8X", "VP8 ", "VP8L", "ALPH", "ANIM", "ANMF"];
/** Flags of VP8X: there is a colour profile, EXIF, XMP. */
const WITH_METADATA = 0x20 | 0x08 | 0x04;

/**
 * The chunks of a WebP that hold pixels. A file without VP8X has no others.
 * @param {Uint8Array<ArrayBuffer>} data
 * @returns {Separated}
 */
function webp(data) {
  if (!begins(data.subarray(12), "VP8X") || data.length < 30) {
    return { content: [data], orientation: 1, width: 1, height: 1 };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const kept = [];
  let [exif, xmp, at, bytes] = [NOTHING, NOTHING, 12, 4];
  while (at + 8 <= data.length) {
    const kind = latin1(data.subarray(at, at + 4));
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length % 2);
    if (OF_PIXELS.includes(kind)) {
      kept.push(data.slice(at, end));
      bytes += end - at;
    } else if (kind === "EXIF") {
      exif = data.subarray(at + 8, end);
    } else if (kind === "XMP ") {
      xmp = data.subarray(at + 8, end);
    }
    at = end;
  }
  kept[0][8] &= ~WITH_METADATA;
  const head = data.slice(0, 12);
  new DataView(head.buffer).setUint32(4, bytes, true);
  const [width, height] = [24, 27].map((place) => 1 + data[place] + data[place + 1] * 256 + data[place + 2] * 65536);
  return { content: [head, ...kept], orientation: orientation(exif, xmp), width, height };
}

/**
 * @param {Uint8Array} bytes
 * @param {string} text
 */
function begins(bytes, text) {
  return bytes.length >= text.length && latin1(bytes.subarray(0, text.length)) === text;
}

/** The checksum of a PNG chunk (PNG, third edition, D). @param {Uint8Array} bytes */
function crc32(bytes) {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return ~rest >>> 0;
}
