/** What the parts of the page share: the site, the worker, the settings, and whether labels are certain. */

import { decide } from "../model/scores.js";
import { printable } from "../../../edge/tlpipe_edge/live_page/printable.js";

/**
 * @typedef {import("../site.js").Site} Site
 * @typedef {import("./client.js").Client} Client
 * @typedef {import("../../../edge/tlpipe_edge/live_page/prediction_view.js").Decision} Decision
 */

const SHOWN = 5; // labels of a prediction

/** Dispatches "change" when a setting has changed. */
export class Session extends EventTarget {
  /**
   * @param {Site} site
   * @param {Client} client
   */
  constructor(site, client) {
    super();
    this.site = site;
    this.client = client;
    this.labels = site.labels.map(printable);
    this.settings = { threshold: site.threshold, smoothing: site.smoothing };
    this.isCertain = true;
  }

  /** @param {{threshold?: number, smoothing?: number}} settings */
  set(settings) {
    Object.assign(this.settings, settings);
    this.dispatchEvent(new Event("change"));
  }

  /**
   * @param {Float32Array} scores of all labels
   * @returns {Decision}
   */
  decide(scores) {
    const { best, isUnknown } = decide(scores, { threshold: this.settings.threshold, k: SHOWN });
    const shown = best.map((index) => ({ label: this.labels[index], score: scores[index] }));
    return { isUnknown, isCertain: this.isCertain, best: shown };
  }
}
