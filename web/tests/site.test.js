import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { gzipSync } from "node:zlib";
import { asset, BadAsset, sha256Of } from "../src/site.js";

const CONTENT = new TextEncoder().encode("The bytes of an asset.").buffer;
const PACKED = Uint8Array.from(gzipSync(new Uint8Array(CONTENT))).buffer;
const [SHA256, PACKED_SHA256] = await Promise.all([sha256Of(CONTENT), sha256Of(PACKED)]);
const before = globalThis.fetch;
afterEach(() => {
  globalThis.fetch = before;
});

/** @param {Record<string, import("../src/site_document.js").Asset>} assets */
function siteOf(assets) {
  return /** @type {import("../src/site.js").Site} */ (/** @type {unknown} */ ({ assets, single_file: false }));
}

const PLAIN = siteOf({ it: { sha256: SHA256, bytes: 22 } });
const GZIP = siteOf({ it: { sha256: PACKED_SHA256, unpacked_sha256: SHA256, bytes: 42 } });

/** The server answers so. @param {ArrayBuffer} body @param {number} [status] */
function serve(body, status = 200) {
  /** @type {string[]} */
  const asked = [];
  globalThis.fetch = async (url) => {
    asked.push(String(url));
    return new Response(body, { status });
  };
  return asked;
}

test("an asset is fetched beside the page, with its version", async () => {
  const asked = serve(CONTENT);
  assert.deepEqual(await asset(PLAIN, "it"), CONTENT);
  assert.deepEqual(asked, [`it?v=${SHA256.slice(0, 8)}`]);
});

test("a gzip file is unpacked, whether or not the host has done so", async () => {
  for (const body of [PACKED, CONTENT]) {
    serve(body);
    assert.deepEqual(new Uint8Array(await asset(GZIP, "it")), new Uint8Array(CONTENT));
  }
});

test("damaged in transfer", async () => {
  const damaged = PACKED.slice(0);
  new Uint8Array(damaged)[20] ^= 1;
  for (const [site, body] of /** @type {const} */ ([
    [PLAIN, CONTENT.slice(1)],
    [GZIP, damaged],
    [GZIP, PACKED.slice(0, 30)],
    [GZIP, new ArrayBuffer(0)],
  ])) {
    serve(body);
    await assert.rejects(
      asset(site, "it"),
      (error) => error instanceof BadAsset && /not as it was written/.test(error.message),
    );
  }
});

test("what the browser has stored is fetched again if it is damaged", async () => {
  /** @type {(string | undefined)[]} */
  const asked = [];
  globalThis.fetch = async (_, options) => {
    asked.push(options?.cache);
    return new Response(options?.cache === "reload" ? CONTENT : CONTENT.slice(1));
  };
  assert.deepEqual(await asset(PLAIN, "it"), CONTENT);
  assert.deepEqual(asked, ["default", "reload"]);
});

test("missing, or no network", async () => {
  serve(CONTENT, 404);
  await assert.rejects(asset(PLAIN, "it"), /404/);
  globalThis.fetch = async () => {
    throw new TypeError("network");
  };
  await assert.rejects(asset(PLAIN, "it"), /** @param {{message: string, advice: string}} error */ ({ message, advice }) => {
    return /cannot be fetched/.test(message) && /network/.test(advice) && !/publish/.test(advice);
  });
});

test("sha256 without crypto.subtle", async () => {
  const there = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  try {
    assert.equal(await sha256Of(CONTENT), SHA256);
  } finally {
    if (there) Object.defineProperty(globalThis, "crypto", there);
  }
});
