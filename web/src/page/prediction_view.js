/** One prediction: the label, or that it is unknown or uncertain; its score, and the bars of the best labels. */

import { percent, showBars, write } from "../../../edge/tlpipe_edge/live_page/prediction.js";

/**
 * @typedef {import("../../../edge/tlpipe_edge/live_page/prediction.js").Scored} Scored
 * @typedef {{isUnknown: boolean, isCertain: boolean, best: Scored[]}} Decision
 *   `best`: all labels that are shown, the highest score first; the label is "unknown" if `isUnknown`, and no label is
 *   certain (`isCertain`) if this browser does not give the scores of the device
 */

export const UNKNOWN = "unknown";
const LONG = 20; // characters: a longer label is written smaller

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
    write(this.score, percent(best[0].score));
    this.score.classList.toggle("muted", isUnknown || !isCertain);
    write(this.guess, isUnknown ? `Best guess: ${best[0].label}` : "");
    showBars(this.rows, best);
    return shown;
  }
}
