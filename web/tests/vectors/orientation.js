/**
 * What is left of each file in a folder without its metadata, and its orientation: `node orientation.js FOLDER` reads
 * NAME.image, and writes NAME.left and NAME.json.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { recognize } from "../../src/images/formats.js";
import { separated } from "../../src/images/metadata.js";

const folder = process.argv[2];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".image"))) {
  const data = new Uint8Array(readFileSync(join(folder, file)));
  const format = recognize(data);
  const stem = join(folder, file.slice(0, -".image".length));
  try {
    const found = await separated(data, format?.name ?? "");
    writeFileSync(`${stem}.left`, Buffer.concat(found.content));
    const { orientation, width, height } = found;
    writeFileSync(`${stem}.json`, JSON.stringify({ format: format?.name ?? null, orientation, width, height }));
  } catch {
    writeFileSync(`${stem}.json`, JSON.stringify({ format: format?.name ?? null, orientation: null }));
  }
}
