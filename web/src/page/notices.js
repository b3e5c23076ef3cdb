/** Messages across the page: what is wrong, and a new version. */

import { at, make } from "./elements.js";

/**
 * @param {string} text
 * @param {{alert?: boolean, action?: {label: string, run: () => void}}} [options]
 */
export function notice(text, { alert = false, action } = {}) {
  const box = make("div", alert ? "message alert" : "message");
  box.setAttribute("role", alert ? "alert" : "status");
  at("messages", HTMLElement).append(box); // first the empty box: a screen reader reads what is added to it
  box.append(make("p", "", text));
  if (action !== undefined) {
    const button = make("button", "first", action.label);
    button.type = "button";
    button.addEventListener("click", action.run);
    box.append(button);
  }
}

/** @param {{reason?: string, advice?: string, message: string}} error */
export const sentence = (error) => [error.reason ?? error.message, error.advice].filter(Boolean).join(" ");
