/** What is known of the model, and all its labels. */

import { percent } from "../../../edge/tlpipe_edge/live_page/prediction.js";
import { at, make } from "./elements.js";
import { counted, size } from "./text.js";

/** @typedef {import("../site.js").Site} Site */

/**
 * @param {import("./session.js").Session} session
 * @param {string} runtime name and version
 * @param {import("../proof/self_test.js").Proof} proof
 */
export function showFacts({ site, labels }, runtime, { equal, count }) {
  at("model", HTMLDetailsElement).open = matchMedia("(min-width: 50rem)").matches;
  const list = at("facts", HTMLElement);
  const proven = `${equal} of ${count} images with the scores of tlpipe-edge`;
  for (const [name, value] of [...facts(site, runtime), ["Self-test", proven]]) {
    const row = make("div");
    row.append(make("dt", "", name), make("dd", "", value));
    list.append(row);
  }
  const details = at("labels", HTMLDetailsElement);
  const all = at("all-labels", HTMLElement);
  /** @type {HTMLElement} */ (details.firstElementChild).textContent = counted(labels.length, "label");
  details.addEventListener("toggle", () => {
    if (all.childElementCount > 0) return;
    all.replaceChildren(...labels.map((label) => {
      const item = make("li", "", label);
      item.dir = "auto";
      return item;
    }));
  });
}

/**
 * @param {Site} site
 * @param {string} runtime
 * @returns {[string, string][]}
 */
function facts(site, runtime) {
  const { evaluation, image } = site;
  /** @type {[string, string][]} */
  const all = [
    ["File", site.file],
    ["Number format", site.recipe],
    ["Size", size(site.bytes)],
    ["SHA-256", `${site.sha256.slice(0, 12)}…`],
    ["Input", `${image.size} × ${image.size} pixels, ${image.crop}`],
    ["Runtime", runtime],
  ];
  if (evaluation !== null) {
    const [lower, upper] = evaluation.interval.map((bound) => (100 * bound).toFixed(1));
    all.push(["Top-1 accuracy", accuracy(evaluation)], ["95 % interval", `${lower} to ${upper} %`]);
    if (evaluation.agreement !== null) all.push(["Agreement with Keras", percent(evaluation.agreement)]);
  }
  return all;
}

/**
 * The accuracy with its condition: of training images it is too high.
 * @param {import("../site_document.js").Evaluation} evaluation
 */
export function accuracy({ top1, images, split, trained_on }) {
  const measured = `${percent(top1)} of ${counted(images, `${split} image`)}`;
  if (trained_on === null) return `${measured}; whether they are training images is not known`;
  return trained_on === 0 ? measured : `${measured}, ${trained_on} of them training images`;
}
