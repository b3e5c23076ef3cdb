/** A clock that counts steps, as that of a browser; reading it takes a moment, so that it moves. */
export class SteppingClock {
  #time = 0;

  /** @param {number} step milliseconds */
  constructor(step) {
    this.step = step;
  }

  /** @param {number} milliseconds */
  pass(milliseconds) {
    this.#time += milliseconds;
  }

  now = () => {
    this.#time += this.step / 64;
    return Math.floor(this.#time / this.step) * this.step;
  };
}
