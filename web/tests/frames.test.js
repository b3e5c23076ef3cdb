import assert from "node:assert/strict";
import { test } from "node:test";
import { Frames } from "../src/camera/frames.js";

test("a frame that is ready after the camera was stopped is closed, and not classified", async (context) => {
  /** @type {(now: number, frame: {presentedFrames: number}) => void} */
  let see = () => {};
  const video = { requestVideoFrameCallback: (/** @type {typeof see} */ callback) => (see = callback) };
  let [closed, classified] = [0, 0];
  const { promise, resolve } = withResolver();
  context.after(() => Reflect.deleteProperty(globalThis, "createImageBitmap"));
  Object.assign(globalThis, { createImageBitmap: () => promise });
  const frames = new Frames(/** @type {HTMLVideoElement} */ (/** @type {unknown} */ (video)), async () => void (classified += 1));
  frames.start();
  see(0, { presentedFrames: 1 });
  frames.stop();
  resolve({ close: () => (closed += 1) });
  await new Promise((done) => setTimeout(done));
  assert.deepEqual([closed, classified], [1, 0]);
});

function withResolver() {
  let resolve = (/** @type {object} */ _value) => {};
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
