/**
 * The site document, which tlpipe web writes into the page, and the assets it names, each checked by its sha256.
 *
 * @typedef {import("./site_document.js").Site} Site
 * @typedef {import("./site_document.js").Asset} Asset
 */

import { sha256 as sha256InJavaScript } from "@noble/hashes/sha2.js";

/** An asset that could not be fetched, or is not as it was written. */
export class BadAsset extends Error {
  advice = "Load the page again; if that does not help, publish it again.";

  /**
   * @param {string} name
   * @param {string} why
   */
  constructor(name, why) {
    super(`A file of this page is missing or damaged: ${name}: ${why}.`);
  }
}

/** An asset that could not be fetched at all. */
class Unreachable extends Error {
  advice = "Load the page again when there is a network.";

  /** @param {string} name */
  constructor(name) {
    super(`A file of this page cannot be fetched: ${name}.`);
  }
}

/** The site document of this page. Raise BadAsset. @returns {Site} */
export function readSite() {
  const text = textOf("site");
  try {
    return JSON.parse(text);
  } catch {
    throw new BadAsset("index.html", "it is not as it was written");
  }
}

/**
 * The bytes of an asset: of a gzip file its content. In a single file they are in the page itself.
 * Raise BadAsset if it is missing, or not as it was written; another Error if there is no network.
 * @param {Site} site
 * @param {string} name
 * @returns {Promise<ArrayBuffer>}
 */
export async function asset(site, name) {
  const expected = site.assets[name];
  if (site.single_file) return content(name, fromBase64(textOf(`asset:${name}`)), expected);
  try {
    return await content(name, await fetched(name, expected, "default"), expected);
  } catch (error) {
    if (!(error instanceof BadAsset)) throw error;
    // What the browser has stored may be damaged: it would give it again when the page is loaded again.
    return content(name, await fetched(name, expected, "reload"), expected);
  }
}

/**
 * @param {string} name
 * @param {ArrayBuffer} stored
 * @param {Asset} expected
 */
async function content(name, stored, { sha256, unpacked_sha256 }) {
  if (unpacked_sha256 === undefined) return verified(name, stored, sha256);
  // A host may have unpacked it already, and says so to the browser, which does not tell us.
  const [first, second] = new Uint8Array(stored, 0, Math.min(2, stored.byteLength));
  if (first !== 0x1f || second !== 0x8b) return verified(name, stored, unpacked_sha256);
  return verified(name, await unpacked(name, await verified(name, stored, sha256)), unpacked_sha256);
}

/** @param {string} id */
function textOf(id) {
  const found = document.getElementById(id);
  if (!found) throw new BadAsset(id, "it is missing in the page");
  return found.textContent ?? "";
}

/**
 * @param {string} name
 * @param {Asset} asset
 * @param {RequestCache} cache
 */
async function fetched(name, { sha256 }, cache) {
  let response;
  try {
    response = await fetch(`${name}?v=${sha256.slice(0, 8)}`, { cache });
  } catch {
    throw new Unreachable(name);
  }
  if (!response.ok) throw new BadAsset(name, `the server answers ${response.status}`);
  try {
    return await response.arrayBuffer();
  } catch {
    throw new BadAsset(name, "the connection ended");
  }
}

/**
 * @param {string} name
 * @param {ArrayBuffer} content
 * @param {string} sha256
 */
async function verified(name, content, sha256) {
  if ((await sha256Of(content)) !== sha256) throw new BadAsset(name, "it is not as it was written");
  return content;
}

/** The sha256 of bytes, in hexadecimal. @param {ArrayBuffer} content */
export async function sha256Of(content) {
  // A page of http, but of localhost, has no crypto.subtle.
  const digest = globalThis.crypto?.subtle
    ? new Uint8Array(await crypto.subtle.digest("SHA-256", content))
    : sha256InJavaScript(new Uint8Array(content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} name
 * @param {ArrayBuffer} content
 */
async function unpacked(name, content) {
  try {
    const stream = new Blob([content]).stream().pipeThrough(new DecompressionStream("gzip"));
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new BadAsset(name, "it cannot be unpacked");
  }
}

/** @param {string} text */
function fromBase64(text) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes.buffer;
}
