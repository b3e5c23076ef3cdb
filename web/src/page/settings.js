/** The threshold and the smoothing, with the meaning that they have in `tlpipe-edge camera`. */

import { at } from "./elements.js";

/** @param {import("./session.js").Session} session */
export function showSettings(session) {
  const inputs = /** @type {const} */ (["threshold", "smoothing"]);
  for (const name of inputs) {
    const input = at(name, HTMLInputElement);
    const output = at(`${name}-value`, HTMLOutputElement);
    const text = () => {
      const value = input.valueAsNumber;
      return name === "threshold" ? `${(100 * value).toFixed(0)} %` : value.toFixed(2);
    };
    input.valueAsNumber = session.settings[name];
    const write = () => {
      output.value = text();
      input.setAttribute("aria-valuetext", text());
    };
    write();
    input.addEventListener("input", () => {
      write();
      session.set({ [name]: input.valueAsNumber });
    });
  }
}
