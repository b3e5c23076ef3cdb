/** The image formats, told by the first bytes of a file, as on the device (tlpipe_edge/images/formats.py). */

/** How many first bytes of a file are enough to recognize it. */
const HEAD_BYTES = 4096;

/**
 * ``type`` is that of a Blob; null for a format that no page reads as the device does. ``advice`` says what to
 * do where it cannot be read.
 * @typedef {{name: string, type: string | null, matches: (head: string) => boolean, advice: string}} Format
 */

const CONVERT = "Save it as JPEG.";
const DEVELOP = "Develop it, and save it as JPEG.";
const HEIC_ADVICE = "Save it as JPEG; on an iPhone: Settings, Camera, Formats, Most Compatible.";
/** Brands of images, and of sequences, of any codec (ISO/IEC 23008-12, 10.2). */
const ANY_CODEC = ["mif1", "msf1"];
const HEIF_BRANDS = ["heic", "heix", "hevc", "hevx", "heim", "heis", "hevm", "hevs", ...ANY_CODEC];
const BMP_HEADERS = [12, 16, 40, 52, 56, 64, 108, 124];

/** @type {Format[]} */
const FORMATS = [
  { name: "JPEG", type: "image/jpeg", matches: begins(/^\xff\xd8\xff/), advice: CONVERT },
  { name: "PNG", type: "image/png", matches: begins(/^\x89PNG\r\n\x1a\n/), advice: CONVERT },
  { name: "BMP", type: "image/bmp", matches: isBmp, advice: CONVERT },
  { name: "GIF", type: "image/gif", matches: begins(/^GIF8[79]a/), advice: CONVERT },
  { name: "WebP", type: "image/webp", matches: begins(/^RIFF[^]{4}WEBP/), advice: CONVERT },
  { name: "AVIF", type: "image/avif", matches: isAvif, advice: CONVERT },
  { name: "HEIC", type: "image/heic", matches: (head) => HEIF_BRANDS.includes(brands(head)[0]), advice: HEIC_ADVICE },
  {
    name: "raw photograph",
    type: null,
    matches: begins(/^(?:II\*\0[^]{4}CR|IIR[OS]|MMOR|IIU\0|FUJIFILMCCD-RAW|[^]{4}ftypcrx )/),
    advice: DEVELOP,
  },
  {
    name: "TIFF",
    type: null,
    matches: begins(/^(?:II\*\0|MM\0\*|II\+\0\x08\0\0\0|MM\0\+\0\x08\0\0)/),
    advice: CONVERT,
  },
  {
    name: "JPEG 2000",
    type: null,
    matches: begins(/^(?:\0\0\0\x0cjP {2}\r\n\x87\n|\xff\x4f\xff\x51)/),
    advice: CONVERT,
  },
  { name: "JPEG XL", type: null, matches: begins(/^(?:\0\0\0\x0cJXL \r\n\x87\n|\xff\x0a)/), advice: CONVERT },
  { name: "PSD", type: null, matches: begins(/^8BPS/), advice: CONVERT },
];

/**
 * The format of a file, or null if it is no known image. The name of the file does not matter.
 * @param {Uint8Array} content
 * @returns {Format | null}
 */
export function recognize(content) {
  const head = latin1(content.subarray(0, HEAD_BYTES));
  return FORMATS.find((format) => format.matches(head)) ?? null;
}

/** Bytes as text, one character for each. @param {Uint8Array} bytes */
export function latin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** @param {RegExp} pattern */
function begins(pattern) {
  return (/** @type {string} */ head) => pattern.test(head);
}

/** Two letters are not enough: a text may begin with them. The size of the second header follows. */
function isBmp(/** @type {string} */ head) {
  return head.startsWith("BM") && BMP_HEADERS.some((size) => head.slice(14, 18) === String.fromCharCode(size, 0, 0, 0));
}

/** The brands of an ISO base media file, the major one first; empty if it is none (ISO/IEC 14496-12, 4.3). */
function brands(/** @type {string} */ head) {
  if (head.slice(4, 8) !== "ftyp") return [];
  const size = [0, 1, 2, 3].reduce((sum, at) => sum * 256 + head.charCodeAt(at), 0);
  const found = [head.slice(8, 12)];
  for (let at = 16; at + 4 <= Math.min(head.length, size); at += 4) found.push(head.slice(at, at + 4));
  return found;
}

function isAvif(/** @type {string} */ head) {
  const [major, ...compatible] = brands(head);
  return ["avif", "avis"].includes(major) || (ANY_CODEC.includes(major) && compatible.includes("avif"));
}
