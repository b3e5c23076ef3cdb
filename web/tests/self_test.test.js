import assert from "node:assert/strict";
import { test } from "node:test";
import { compared } from "../src/proof/self_test.js";

const SITE = { labels: ["ant", "bee"], tolerance: 1 / 256 };
const TESTS = [
  { asset: "tests/1.png", scores: [0.25, 0.75], label: "bee" },
  { asset: "tests/2.png", scores: [0.6, 0.4], label: "ant" },
];

test("scores within the tolerance are equal", () => {
  const answers = [Float32Array.of(0.25, 0.75), Float32Array.of(0.6 + 1 / 256, 0.4 - 1 / 256)];
  assert.deepEqual(compared(SITE, TESTS, answers), { equal: 2, count: 2, passed: true, differences: [] });
});

test("another best label differs, unless it is as good within the tolerance", () => {
  const site = { labels: ["ant", "bee", "cat"], tolerance: 0.1 };
  const test = { asset: "tests/1.png", scores: [0.38, 0.24, 0.38], label: "ant" };
  const found = [Float32Array.of(0.37, 0.25, 0.38)];
  assert.equal(compared(site, [test], found).passed, true);
  const proof = compared(site, [{ ...test, scores: [0.41, 0.3, 0.29] }], [Float32Array.of(0.33, 0.28, 0.39)]);
  assert.deepEqual([proof.passed, proof.differences[0].found], [false, "cat"]);
});

test("what differs is named", () => {
  const proof = compared(SITE, TESTS, [Float32Array.of(0.25, 0.75), Float32Array.of(0.3, 0.7)]);
  assert.equal(proof.equal, 1);
  assert.equal(proof.passed, false);
  const [{ asset, largest, expected, found }] = proof.differences;
  assert.deepEqual([asset, expected, found], ["tests/2.png", "ant", "bee"]);
  assert.ok(Math.abs(largest - 0.3) < 1e-6);
});

test("nothing, no number, or another number of scores is no proof", () => {
  for (const answer of [null, Float32Array.of(NaN, 0.75), Float32Array.of(0.25)]) {
    const proof = compared(SITE, TESTS, [answer, Float32Array.of(0.6, 0.4)]);
    assert.equal(proof.equal, 1);
    assert.equal(proof.differences[0].largest, Infinity);
  }
  assert.equal(compared(SITE, TESTS, []).equal, 0);
  assert.equal(compared(SITE, [], []).passed, false);
});
