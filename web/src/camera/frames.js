/** The newest frames of a video: those that come while others are classified are dropped, except the last one. */

const NEWEST = 31; // frames whose times give the rate, as on the device
/** While the worker has one frame, the next one is prepared. With one at a time, it would wait for each. */
const MAX_PENDING = 2;

export class Frames {
  dropped = 0;
  /** @type {number[]} */
  #times = [];
  #presented = -1;
  #isNew = false;
  #pending = 0;
  #run = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {(frame: ImageBitmap) => Promise<void>} classify resolves when the next frame may come; must not reject
   */
  constructor(video, classify) {
    this.video = video;
    this.classify = classify;
  }

  /** Classified frames a second, over the newest ones; 0 before the second. */
  get rate() {
    const span = this.#times.length > 1 ? this.#times[this.#times.length - 1] - this.#times[0] : 0;
    return span > 0 ? (1000 * (this.#times.length - 1)) / span : 0;
  }

  start() {
    this.stop();
    this.dropped = 0;
    this.#times = [];
    this.#presented = -1;
    this.#isNew = false;
    this.#pending = 0;
    this.#wait(this.#run);
  }

  stop() {
    this.#run += 1;
  }

  /** @param {number} run */
  #wait(run) {
    if ("requestVideoFrameCallback" in this.video) {
      this.video.requestVideoFrameCallback((_, frame) => this.#see(run, frame.presentedFrames));
    } else {
      requestAnimationFrame(() => this.#see(run, this.video.currentTime)); // Firefox before 132: counts changes only
    }
  }

  /**
   * @param {number} run
   * @param {number} presented differs for each frame; its number, where the browser counts them
   */
  #see(run, presented) {
    if (run !== this.#run) return;
    this.#wait(run);
    if (presented === this.#presented) return;
    const missed = this.#presented < 0 ? 0 : Math.max(0, Math.ceil(presented - this.#presented) - 1);
    this.dropped += missed + (this.#isNew ? 1 : 0);
    this.#presented = presented;
    this.#isNew = true;
    void this.#classifyNew(run);
  }

  /** @param {number} run */
  async #classifyNew(run) {
    if (!this.#isNew || this.#pending === MAX_PENDING) return;
    this.#isNew = false;
    this.#pending += 1;
    const frame = await frameOf(this.video);
    if (run !== this.#run) return frame?.close();
    if (frame !== null) await this.classify(frame);
    if (run !== this.#run) return;
    this.#pending -= 1;
    if (frame !== null) this.#times = [...this.#times.slice(1 - NEWEST), performance.now()];
    void this.#classifyNew(run); // not awaited: on a slow device it would never end, and keep each frame
  }
}

/**
 * @param {HTMLVideoElement} video
 * @returns {Promise<ImageBitmap | null>} null if the video has no frame: the camera has just been stopped
 */
async function frameOf(video) {
  try {
    return await createImageBitmap(video, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    return null;
  }
}
