import assert from "node:assert/strict";
import { test } from "node:test";
import { accuracy } from "../src/page/facts.js";

const measured = { top1: 0.923, interval: [0.891, 0.946], images: 372, split: "test", trained_on: 0, agreement: null };

test("an accuracy is shown with its condition", () => {
  assert.equal(accuracy(measured), "92.3 % of 372 test images");
  assert.equal(accuracy({ ...measured, images: 1, split: "labelled" }), "92.3 % of 1 labelled image");
  assert.equal(accuracy({ ...measured, trained_on: 7 }), "92.3 % of 372 test images, 7 of them training images");
  const unknown = "92.3 % of 372 validation images; whether they are training images is not known";
  assert.equal(accuracy({ ...measured, split: "validation", trained_on: null }), unknown);
});
