import assert from "node:assert/strict";
import { test } from "node:test";
import { failure } from "../src/failure.js";

test("only what speaks of memory is a lack of it", () => {
  const memory = "WebAssembly.Memory(): could not allocate memory";
  for (const message of ["Array buffer allocation failed", "Out of memory", memory]) {
    assert.equal(failure(new RangeError(message), "file").kind, "memory", message);
  }
  for (const message of ["Invalid array length", "AllocateTensors() failed"]) {
    assert.equal(failure(new RangeError(message), "file").kind, "internal", message);
  }
});

test("a reason is one sentence, with one full stop", () => {
  assert.equal(failure(new Error("aborted."), "load").reason, "The model cannot be run here: aborted.");
  assert.equal(failure("ERROR: x....", "frame").reason, "This should not happen: ERROR: x.");
});
