/**
 * One prediction: the label and its score, or that it is unknown, with the best guess; and the bars of the best labels.
 * For the live page of a device, and for the page of `tlpipe web`.
 */

import { percent, showBars, write } from "./prediction.js";

/**
 * @typedef {import("./prediction.js").Scored} Scored
 * @typedef {{isUnknown: boolean, isCertain: boolean, best: Scored[]}} Decision
 *   `best`: all labels that are shown, the highest score first; the label is "unknown" if `isUnknown`, and no label is
 *   certain (`isCertain`) if this browser does not give the scores of the device
 */

export const UNKNOWN = "unknown";
const LONG = 20; // characters: a longer label is written smaller

/**
 * The best label where the score is below the threshold.
 * @param {Scored} best
 */
export const asGuess = ({ label, score }) => `${label}, ${(100 * score).toFixed(0)} %`;

export class PredictionView {
  /** @param {{label: HTMLElement, score: HTMLElement, guess: HTMLElement, rows: HTMLElement[]}} elements */
  constructor({ label, score, guess, rows }) {
    this.label = label;
    this.score = score;
    this.guess = guess;
    this.rows = rows;
  }

  /**
   * @param {Decision} decision
   * @returns {string} the label as it is shown
   */
  show({ isUnknown, isCertain, best }) {
    const label = isUnknown ? UNKNOWN : best[0].label;
    const shown = isCertain || isUnknown ? label : `${label}?`;
    write(this.label, shown);
    this.label.classList.toggle("long", shown.length > LONG);
    this.label.classList.toggle("muted", isUnknown || !isCertain);
    write(this.score, isUnknown ? "" : percent(best[0].score)); // which is that of a label, and unknown is none
    this.score.classList.toggle("muted", !isCertain);
    write(this.guess, isUnknown ? `Best guess: ${asGuess(best[0])}` : "");
    showBars(this.rows, best);
    return shown;
  }
}
