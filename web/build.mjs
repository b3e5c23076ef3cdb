/** Builds the page and brings the runtime into the Python package: pipeline/tlpipe/website/built. */

import { createHash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const HERE = new URL("./", import.meta.url);
const BUILT = new URL("../pipeline/tlpipe/website/built/", HERE);
const LITERT = new URL("node_modules/@litertjs/core/wasm/", HERE);

/** Where each other file comes from. @type {Record<string, URL>} */
const COPIED = {
  "index.html": new URL("src/page/index.html", HERE),
  "site.webmanifest": new URL("src/page/site.webmanifest", HERE),
  "icon-192.png": new URL("icons/icon-192.png", HERE),
  "icon-512.png": new URL("icons/icon-512.png", HERE),
  "maskable-512.png": new URL("icons/maskable-512.png", HERE),
  "litert.js": new URL("litert_wasm_compat_internal.js", LITERT),
  "LICENSE-LiteRT.txt": new URL("licences/LICENSE-LiteRT.txt", HERE),
  "THIRD_PARTY_NOTICES.txt": new URL("licences/THIRD_PARTY_NOTICES.txt", HERE),
};

/** What decides how the page is built, below the root of the repository: files, and folders with all in them. */
const SOURCES = [
  "edge/tlpipe_edge/live_page/crop.js",
  "edge/tlpipe_edge/live_page/prediction.js",
  "edge/tlpipe_edge/live_page/prediction_view.js",
  "edge/tlpipe_edge/live_page/printable.js",
  "edge/tlpipe_edge/live_page/settings.js",
  "edge/tlpipe_edge/live_page/style.css",
  "web/build.mjs",
  "web/icons",
  "web/licences",
  "web/package-lock.json",
  "web/src",
];

await rm(BUILT, { recursive: true, force: true });
await mkdir(BUILT, { recursive: true });
await build({
  absWorkingDir: fileURLToPath(HERE),
  entryPoints: [
    { in: "src/page/main.js", out: "page" },
    { in: "src/page/page.css", out: "page" },
    { in: "src/worker.js", out: "worker" },
    { in: "src/service_worker.js", out: "service_worker" },
  ],
  outdir: fileURLToPath(BUILT),
  bundle: true,
  minify: true,
  format: "iife",
  charset: "utf8",
  target: ["es2022", "safari16.4"],
  legalComments: "none",
  logLevel: "warning",
});
for (const [name, source] of Object.entries(COPIED)) await copyFile(source, new URL(name, BUILT));
// Compressed here, so that no host needs to do it: the page unpacks it.
const wasm = await readFile(new URL("litert_wasm_compat_internal.wasm", LITERT));
await writeFile(new URL("litert.wasm.bin", BUILT), gzipSync(wasm, { level: 9 }));
// The last file: by it, tlpipe web notices a page that is older than its sources, or was not built to the end.
await writeFile(new URL("sources.sha256", BUILT), await sha256OfSources(new URL("../", HERE)));
console.log("The page of tlpipe web is built.");

/** As `sources_sha256` of pipeline/tlpipe/website/built.py. @param {URL} root */
async function sha256OfSources(root) {
  const names = [];
  for (const name of SOURCES) names.push(...(await filesAt(root, name)));
  const all = createHash("sha256");
  for (const name of names.sort()) {
    const content = createHash("sha256").update(await readFile(new URL(name, root))).digest("hex");
    all.update(`${name} ${content}\n`);
  }
  return `${SOURCES.join("\n")}\n${all.digest("hex")}\n`;
}

/** @param {URL} root @param {string} name @returns {Promise<string[]>} */
async function filesAt(root, name) {
  if (/\.\w+$/.test(name)) return [name];
  const entries = await readdir(new URL(`${name}/`, root), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith(".")); // as those of an editor
  return files.map((entry) => join(relative(fileURLToPath(root), entry.parentPath), entry.name));
}
