/** Compares the scores of this browser with those of the device's code for the same images. */

import { topK } from "../model/scores.js";

/** @typedef {{asset: string, scores: number[], label: string}} Expected
 * A test image with other scores: the largest difference, and the labels that differ, if they do.
 * @typedef {{asset: string, largest: number, expected: string, found: string}} Difference
 * @typedef {{equal: number, count: number, passed: boolean, differences: Difference[]}} Proof
 */

/** Scores are compared in float32 and come from JSON: that much is not a difference. */
const ROUNDING = 1e-6;

/**
 * Compare. Scores may differ by the tolerance, and another best label is one whose expected score is as near to that of
 * the best. Missing scores count as different, and none at all proves nothing.
 * @param {{labels: string[], tolerance: number}} site
 * @param {Expected[]} tests
 * @param {(Float32Array | null)[]} predicted in the order of ``tests``; null if an image could not be classified
 * @returns {Proof}
 */
export function compared(site, tests, predicted) {
  const differences = tests.flatMap((test, number) => {
    const scores = predicted[number] ?? null;
    const largest = difference(test.scores, scores);
    const best = scores?.length ? topK(scores, 1)[0] : -1;
    const lead = test.scores[site.labels.indexOf(test.label)] - test.scores[best];
    if (Math.max(largest, lead) <= site.tolerance + ROUNDING) return [];
    const found = site.labels[best] ?? "";
    return [{ asset: test.asset, largest, expected: test.label, found }];
  });
  const equal = tests.length - differences.length;
  return { equal, count: tests.length, passed: tests.length > 0 && differences.length === 0, differences };
}

/**
 * The largest difference of two scores of a label; infinite if one is missing or no number.
 * @param {number[]} expected
 * @param {Float32Array | null} found
 */
function difference(expected, found) {
  if (!found || found.length !== expected.length) return Infinity;
  const each = expected.map((score, index) => Math.abs(score - found[index]));
  return each.every(Number.isFinite) ? Math.max(...each) : Infinity;
}
