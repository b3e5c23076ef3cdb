import assert from "node:assert/strict";
import { test } from "node:test";
import { checkBrowser } from "../src/page/support.js";

test("a browser of today is new enough", () => checkBrowser());

test("one without WebAssembly SIMD, or without DecompressionStream, is not", (context) => {
  const there = Object.getOwnPropertyDescriptor(globalThis, "DecompressionStream");
  Object.defineProperty(globalThis, "DecompressionStream", { value: undefined, configurable: true });
  try {
    assert.throws(checkBrowser, /too old: it cannot unpack/);
    context.mock.method(WebAssembly, "Module", function () {
      throw new WebAssembly.CompileError("blocked by the policy");
    });
    assert.throws(checkBrowser, /too old: it runs no WebAssembly with SIMD/);
  } finally {
    if (there) Object.defineProperty(globalThis, "DecompressionStream", there);
  }
});
