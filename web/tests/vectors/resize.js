/** Resizes the images that tests/web/test_resize_port.py wrote into a folder: `node resize.js FOLDER`. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resize } from "../../src/images/resize.js";

const folder = process.argv[2];
/** @typedef {import("../../src/images/resize.js").Crop} Crop */
/** @typedef {{width: number, height: number, channels: 3 | 4, size: number, crop: Crop}} Case */
/** @type {Case[]} */
const cases = JSON.parse(readFileSync(join(folder, "cases.json"), "utf8"));
cases.forEach(({ width, height, channels, ...spec }, number) => {
  const data = new Uint8Array(readFileSync(join(folder, `${number}.raw`)));
  writeFileSync(join(folder, `${number}.resized`), resize({ data, width, height, channels }, spec).data);
});
