/** The resolution of a browser's clock, which is coarse on purpose: 5 microseconds to 100 milliseconds. */

const CHANGES = 25;
/** Three changes are enough where each one takes long. */
const MIN_CHANGES = 3;
const LIMIT_MS = 500;

/** @typedef {() => number} Clock milliseconds since some moment */

/**
 * The resolution in milliseconds: the median step of the clock, of up to ``CHANGES`` steps.
 * @param {Clock} clock
 * @returns {number}
 */
export function resolution(clock) {
  const steps = [];
  const start = changed(clock, clock());
  for (let before = start; steps.length < CHANGES;) {
    const now = changed(clock, before);
    steps.push(now - before);
    before = now;
    if (steps.length >= MIN_CHANGES && now - start > LIMIT_MS) break;
  }
  steps.sort((one, other) => one - other);
  return Math.round(steps[steps.length >> 1] * 1e6) / 1e6;
}

/**
 * The next reading that is greater.
 * @param {Clock} clock
 * @param {number} before
 */
function changed(clock, before) {
  let now = clock();
  while (now <= before) now = clock();
  return now;
}
