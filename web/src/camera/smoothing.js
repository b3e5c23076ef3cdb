/** The moving average of the scores of frames, as tlpipe_edge/camera/loop.py computes it, in float32. */

export class Smoother {
  /** @type {Float32Array | null} */
  #scores = null;

  /**
   * ``smoothing`` (0 to below 1) is the weight of the scores so far against those of a new frame. It may be changed
   * between frames.
   * @param {{smoothing?: number}} [options]
   */
  constructor({ smoothing = 0 } = {}) {
    this.smoothing = smoothing;
  }

  /** @param {Float32Array} scores of a new frame */
  smoothed(scores) {
    const before = this.#scores;
    const [old, fresh] = [Math.fround(this.smoothing), Math.fround(1 - this.smoothing)];
    const now = before
      ? scores.map((score, index) => Math.fround(old * before[index]) + Math.fround(fresh * score))
      : scores.slice();
    this.#scores = now;
    return now;
  }

  /** Forget the frames so far, as after another camera was chosen. */
  forget() {
    this.#scores = null;
  }
}
