/** Errors of the worker, in words for a person. */

import { UnreadableImage } from "./images/decode.js";

/** What browsers, and the runtime, say if they get no memory. */
const NO_MEMORY = /out of memory|allocation failed|allocate memory|enlarge memory|\bOOM\b/i;

/**
 * @param {unknown} error
 * @param {import("./messages.js").Request["type"]} during
 * @returns {Omit<import("./messages.js").Failure, "id" | "type">}
 */
export function failure(error, during) {
  const reason = error instanceof Error ? error.message : String(error);
  if (error instanceof UnreadableImage) return { kind: error.kind, reason, advice: error.advice };
  if (NO_MEMORY.test(reason)) {
    const advice = "Close other pages, or choose a smaller image.";
    return { kind: "memory", reason: "There is not enough memory.", advice };
  }
  const inside = reason.replace(/[.\s]+$/, "");
  if (during === "load") {
    const advice = "Publish the page again with tlpipe web.";
    return { kind: "damaged", reason: `The model cannot be run here: ${inside}.`, advice };
  }
  return { kind: "internal", reason: `This should not happen: ${inside}.`, advice: "Reload the page." };
}
