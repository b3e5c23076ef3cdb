/** The orientation of EXIF, which is a TIFF (TIFF 6.0, section 2), or of XMP. */

import { latin1 } from "./formats.js";

const ORIENTATION = 274;
/** Bytes of a value of the types BYTE, SHORT and LONG. @type {Record<number, number>} */
const WIDTHS = { 1: 1, 3: 2, 4: 4 };

/**
 * The orientation 1 to 8 (Exif 2.3, 4.6.4), of EXIF or else of XMP; 1 if neither states it, or both are damaged.
 * @param {Uint8Array} exif
 * @param {Uint8Array} xmp
 */
export function orientation(exif, xmp) {
  while (latin1(exif.subarray(0, 6)) === "Exif\0\0") exif = exif.subarray(6);
  let stated = tagOf(exif, ORIENTATION);
  if (stated === undefined) {
    const found = /tiff:Orientation(?:="|>)([0-9])/.exec(latin1(xmp));
    stated = found ? Number(found[1]) : undefined;
  }
  return stated !== undefined && stated >= 1 && stated <= 8 ? stated : 1;
}

/**
 * The first value of a tag of the first page; 0 if it is outside of the bytes, or no whole number.
 * @param {Uint8Array} tiff
 * @param {number} wanted
 * @returns {number | undefined}
 */
function tagOf(tiff, wanted) {
  // Both orders of the bytes of 42: some cameras write the wrong one into EXIF, and the device reads it.
  const head = /^(II|MM)(?:\*\0|\0\*)/.exec(latin1(tiff.subarray(0, 4)));
  if (!head || tiff.length < 8) return undefined;
  const little = head[1] === "II";
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const table = view.getUint32(4, little);
  if (table + 2 > tiff.length) return undefined;
  const count = Math.min(view.getUint16(table, little), Math.floor((tiff.length - table - 2) / 12));
  let found;
  for (let number = 0; number < count; number++) {
    const at = table + 2 + number * 12;
    if (view.getUint16(at, little) === wanted) found = firstValue(view, at, little);
  }
  return found;
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {boolean} little
 */
function firstValue(view, at, little) {
  const width = WIDTHS[view.getUint16(at + 2, little)] ?? 0;
  const isInside = view.getUint32(at + 4, little) * width <= 4;
  const place = isInside ? at + 8 : view.getUint32(at + 8, little);
  if (width === 0 || place + width > view.byteLength) return 0;
  if (width === 1) return view.getUint8(place);
  return width === 2 ? view.getUint16(place, little) : view.getUint32(place, little);
}
