/**
 * The figures of samples, as tlpipe_edge/bench/latency.py computes them.
 * @typedef {{
 *   p50: number, p90: number, p95: number, p99: number, mean: number, std: number, min: number, max: number,
 *   runs: number,
 * }} Figures
 */

/**
 * A percentile (0 to 100), interpolated linearly as in NumPy. There is at least one sample.
 * @param {number[]} samples
 * @param {number} percent
 */
export function percentile(samples, percent) {
  const sorted = [...samples].sort((one, other) => one - other);
  const place = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * @param {number[]} samples
 * @returns {Figures}
 */
export function figures(samples) {
  const mean = average(samples);
  const [p50, p90, p95, p99] = [50, 90, 95, 99].map((percent) => percentile(samples, percent));
  const std = Math.sqrt(average(samples.map((sample) => (sample - mean) ** 2)));
  return {
    p50,
    p90,
    p95,
    p99,
    mean,
    std,
    min: percentile(samples, 0),
    max: percentile(samples, 100),
    runs: samples.length,
  };
}

/** @param {number[]} numbers */
function average(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
