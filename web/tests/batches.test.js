import assert from "node:assert/strict";
import { test } from "node:test";
import { measure, MIN_BATCHES, MIN_TICKS } from "../src/bench/batches.js";
import { resolution } from "../src/bench/clock.js";
import { SteppingClock } from "./stepping_clock.js";

/**
 * Measure runs of these lengths, in turns.
 * @param {number} step
 * @param {(number: number) => number} length
 * @param {number} [milliseconds]
 */
async function measured(step, length, milliseconds = 2000) {
  const clock = new SteppingClock(step);
  let number = 0;
  const run = async () => clock.pass(length(number++));
  return measure(run, { clock: clock.now, resolution: resolution(clock.now), milliseconds });
}

test("the resolution is the step of the clock", () => {
  for (const step of [0.005, 0.1, 1, 100]) assert.equal(resolution(new SteppingClock(step).now), step);
});

test("a batch is longer than 50 ticks, and the median is right within 2 %", async () => {
  for (const [step, length] of [
    [0.1, 3.3],
    [1, 0.7],
    [1, 15.1],
    [0.005, 4.2],
  ]) {
    const { samples, batch_runs, figures, reasons } = await measured(step, () => length);
    assert.deepEqual(reasons, []);
    assert.ok(samples.length >= MIN_BATCHES && figures.runs === samples.length);
    assert.ok(batch_runs * length >= MIN_TICKS * step);
    assert.ok(Math.abs(figures.p50 / length - 1) < 0.02, `${figures.p50} for ${length}`);
  }
});

test("runs that become faster after the warm-up get larger batches", async () => {
  const { figures, reasons } = await measured(1, (number) => (number < 40 ? 20 : 2));
  assert.deepEqual(reasons, []);
  assert.ok(Math.abs(figures.p50 / 2 - 1) < 0.02);
});

test("too few batches of a very coarse clock are invalid", async () => {
  const { reasons } = await measured(100, () => 15, 1000);
  assert.ok(reasons.some(({ kind, detail }) => kind === "too short" && /batches in/.test(detail)));
});

test("batches of fewer than 50 ticks are invalid", async () => {
  // Faster and faster: there is no time left to begin anew.
  const { reasons } = await measured(1, (number) => (number < 50 ? 20 : 0.01), 300);
  assert.ok(
    reasons.some(({ kind }) => kind === "batches too short for the clock"),
    JSON.stringify(reasons),
  );
});

test("an unsteady machine is invalid", async () => {
  const { reasons } = await measured(0.1, (number) => (number % 100 < 70 ? 5 : 9));
  assert.ok(reasons.some(({ kind }) => kind === "spread too high"));
  const slower = await measured(0.1, (number) => 5 * 1.02 ** number);
  assert.ok(slower.reasons.some(({ kind }) => kind === "the warm-up did not become stable"));
});

test("a warm-up that does not become stable ends", async () => {
  const clock = new SteppingClock(0.1);
  let [number, warm] = [0, 0];
  const run = async () => clock.pass(500 * (1 + (Math.floor(number++ / 5) % 2)));
  const progress = () => (warm ||= number && clock.now());
  const { reasons } = await measure(run, { clock: clock.now, resolution: 0.1, milliseconds: 10_000, progress });
  assert.ok(warm > 20_000 && warm < 26_000, `${warm} ms`);
  assert.ok(reasons.some(({ kind }) => kind === "the warm-up did not become stable"));
});

test("progress goes from 0 to 1", async () => {
  const clock = new SteppingClock(0.1);
  /** @type {number[]} */
  const shares = [];
  const options = {
    clock: clock.now,
    resolution: 0.1,
    milliseconds: 500,
    progress: (/** @type {number} */ s) => shares.push(s),
  };
  await measure(async () => clock.pass(3), options);
  assert.equal(shares[0], 0);
  assert.equal(shares.at(-1), 1);
  assert.deepEqual(
    shares,
    [...shares].sort((one, other) => one - other),
  );
});
