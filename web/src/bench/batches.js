/**
 * Latency by a coarse clock: it times batches of runs, each long enough for the clock, after a warm-up.
 *
 * A sample is the mean of the runs of a batch. So percentiles over samples say less about single runs than those of a
 * device do, whose clock counts nanoseconds.
 */

import { figures, percentile } from "./figures.js";

/** @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./figures.js").Figures} Figures
 * Why a latency is invalid: the same as Reason of the benchmark's document.
 * @typedef {{kind: string, detail: string}} Reason
 * ``samples`` in milliseconds, each of ``batch_runs`` runs; ``clock`` is the resolution in milliseconds.
 * @typedef {{figures: Figures, samples: number[], batch_runs: number, clock: number, reasons: Reason[]}} Measured
 */

/** Minimum length of a batch, in ticks of the clock: an error of one tick is 2 %. */
export const MIN_TICKS = 50;
/** Batches are planned longer than that, because some runs are faster. Are they too short, larger ones begin anew. */
const MARGIN = 1.5;
export const MIN_BATCHES = 30;
const MAX_SPREAD = 1.25;
const WARM_UP = { runs: 5, milliseconds: 250, agreement: 0.05, windows: 40 };
/** A clock of 100 ms would need minutes for enough batches. */
const PATIENCE = 3;

/**
 * Warm up, then time batches of ``run`` for about this long; ``progress`` gets the share that is done.
 * @param {() => Promise<void>} run
 * @param {{clock: Clock, resolution: number, milliseconds: number, progress?: (share: number) => void}} options
 * @returns {Promise<Measured>}
 */
export async function measure(run, { clock, resolution, milliseconds, progress = () => {} }) {
  progress(0);
  const warm = await warmUp(run, { clock, resolution, milliseconds });
  let size = Math.max(1, Math.ceil((MARGIN * MIN_TICKS * resolution) / warm.perRun));
  /** @type {number[]} */
  let lengths = [];
  const start = clock();
  for (let now = start; ;) {
    const spent = now - start;
    const enough = lengths.length >= MIN_BATCHES && spent >= milliseconds;
    if (lengths.length > 0 && (enough || spent >= PATIENCE * milliseconds)) break;
    progress(Math.min(1, Math.min(spent / milliseconds, lengths.length / MIN_BATCHES)));
    await repeated(run, size);
    const after = clock();
    if (after - now < MIN_TICKS * resolution && spent < milliseconds) {
      size *= 2;
      lengths = [];
    } else lengths.push(after - now);
    now = after;
  }
  progress(1);
  const samples = lengths.map((length) => Math.round((length / size) * 1e4) / 1e4);
  const reasons = doubts({ lengths, samples, resolution, stable: warm.stable });
  return { figures: figures(samples), samples, batch_runs: size, clock: resolution, reasons };
}

/**
 * Run in windows until the means of two successive ones agree, or for twice the time of the measurement. A window is
 * long enough for the clock, too.
 * @param {() => Promise<void>} run
 * @param {{clock: Clock, resolution: number, milliseconds: number}} options
 */
async function warmUp(run, { clock, resolution, milliseconds }) {
  const minimum = Math.max(WARM_UP.milliseconds, MIN_TICKS * resolution);
  const end = clock() + 2 * milliseconds;
  let [before, perRun] = [NaN, NaN];
  for (let window = 0; window < WARM_UP.windows && (window < 2 || clock() < end); window++) {
    let runs = 0;
    const start = clock();
    for (; runs < WARM_UP.runs || clock() - start < minimum; runs++) await run();
    perRun = (clock() - start) / runs;
    if (Math.abs(perRun - before) <= WARM_UP.agreement * before) return { perRun, stable: true };
    before = perRun;
  }
  return { perRun, stable: false };
}

/**
 * @param {() => Promise<void>} run
 * @param {number} times
 */
async function repeated(run, times) {
  for (let done = 0; done < times; done++) await run();
}

/**
 * Why the samples are invalid, in the words of tlpipe_edge/bench/validity.py.
 * @param {{lengths: number[], samples: number[], resolution: number, stable: boolean}} measured
 * @returns {Reason[]}
 */
function doubts({ lengths, samples, resolution, stable }) {
  const reasons = [];
  const ticks = Math.min(...lengths) / resolution;
  if (ticks < MIN_TICKS) {
    const detail = `${Math.floor(ticks)} ticks of ${resolution} ms, fewer than ${MIN_TICKS}`;
    reasons.push({ kind: "batches too short for the clock", detail });
  }
  if (lengths.length < MIN_BATCHES) {
    const seconds = lengths.reduce((sum, length) => sum + length, 0) / 1e3;
    reasons.push({ kind: "too short", detail: `${lengths.length} batches in ${seconds.toFixed(1)} s` });
  }
  if (!stable) reasons.push({ kind: "the warm-up did not become stable", detail: "" });
  const spread = percentile(samples, 90) / percentile(samples, 50);
  if (!(spread <= MAX_SPREAD)) {
    reasons.push({ kind: "spread too high", detail: `the 90th percentile is ${spread.toFixed(2)} times the median` });
  }
  return reasons;
}
