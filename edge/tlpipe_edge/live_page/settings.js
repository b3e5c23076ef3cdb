/** The threshold and the smoothing as sliders, with the meaning that they have in `tlpipe-edge camera`. */

/** @typedef {{threshold: number, smoothing: number}} Values threshold 0 to 1, smoothing 0 to 0.99 */

const NAMES = /** @type {const} */ (["threshold", "smoothing"]);

/**
 * @param {"threshold" | "smoothing"} name
 * @param {number} value
 */
const written = (name, value) => (name === "threshold" ? `${(100 * value).toFixed(0)} %` : value.toFixed(2));

export class Sliders {
  /** @param {(values: Partial<Values>) => void} change is called with the value that a person has set */
  constructor(change) {
    for (const name of NAMES) {
      this.#input(name).addEventListener("input", () => {
        this.#write(name);
        change({ [name]: this.#input(name).valueAsNumber });
      });
    }
  }

  /** @param {Values} values */
  show(values) {
    for (const name of NAMES) {
      if (this.#input(name).matches(":active")) continue; // a person moves it
      this.#input(name).valueAsNumber = values[name];
      this.#write(name);
    }
  }

  /** @param {string} name */
  #input(name) {
    return /** @type {HTMLInputElement} */ (document.getElementById(name));
  }

  /** @param {"threshold" | "smoothing"} name */
  #write(name) {
    const input = this.#input(name);
    const text = written(name, input.valueAsNumber);
    /** @type {HTMLOutputElement} */ (document.getElementById(`${name}-value`)).value = text;
    input.setAttribute("aria-valuetext", text);
  }
}
