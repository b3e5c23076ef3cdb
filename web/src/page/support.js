/** Whether this browser is new enough. It is asked before anything is loaded, because old ones fail in other words. */

/** A function () -> v128: nothing that has no SIMD accepts it. */
// prettier-ignore
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
);

/** A browser that cannot run the model. */
class TooOld extends Error {
  advice = "Use a newer one: Chrome or Edge 97, Firefox 113, Safari 16.4, or later.";
}

/** Raise an Error with advice if this browser lacks what the page needs. */
export function checkBrowser() {
  try {
    new WebAssembly.Module(SIMD); // some only compile it if the policy of a page allows all of eval
  } catch {
    throw new TooOld("This browser is too old: it runs no WebAssembly with SIMD, which the model needs.");
  }
  if (typeof DecompressionStream === "undefined") {
    throw new TooOld("This browser is too old: it cannot unpack the files of this page.");
  }
}
