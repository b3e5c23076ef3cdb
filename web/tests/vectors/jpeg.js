/**
 * Decodes the JPEGs of a folder at a fraction of their size: `node jpeg.js FOLDER` reads NAME-FACTOR.jpg, and writes
 * NAME-FACTOR.raw, empty if it is of a kind that is not read here.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeJpeg } from "../../src/images/jpeg/decode.js";

const folder = process.argv[2];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".jpg"))) {
  const factor = /** @type {1 | 2 | 4 | 8} */ (Number(/-([1248])\.jpg$/.exec(file)?.[1]));
  const found = decodeJpeg(new Uint8Array(readFileSync(join(folder, file))), factor);
  writeFileSync(join(folder, file.replace(/jpg$/, "raw")), found?.data ?? "");
}
