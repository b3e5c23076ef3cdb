/** Photographs that a person chooses or drops: a card for each, with its prediction, or why there is none. */

import { makeBars, write } from "../../../edge/tlpipe_edge/live_page/prediction.js";
import { PredictionView } from "../../../edge/tlpipe_edge/live_page/prediction_view.js";
import { printable } from "../../../edge/tlpipe_edge/live_page/printable.js";
import { at, make } from "./elements.js";
import { sentence } from "./notices.js";

const ROWS = 3;
const APPROXIMATE = "The device decodes files of this kind in its own way, so its scores may differ by some points.";

/** @typedef {import("./session.js").Session} Session */

class Card {
  /**
   * @param {File} file
   * @param {Session} session
   */
  constructor(file, session) {
    this.file = file;
    this.session = session;
    /** @type {Float32Array | null} */
    this.scores = null;
    this.element = make("li", "card photograph waiting");
    this.image = make("img", `thumbnail ${session.site.image.crop}`);
    this.image.alt = "";
    this.image.decoding = "async";
    this.image.loading = "lazy";
    this.image.addEventListener("error", () => this.image.replaceWith(make("div", "thumbnail")));
    this.image.src = URL.createObjectURL(file);
    this.body = make("div", "prediction");
    const name = make("p", "file one-line", printable(file.name));
    name.dir = "auto";
    name.title = printable(file.name);
    this.note = make("p", "help", "Waiting");
    this.body.append(name, this.note);
    this.element.append(this.image, this.body);
  }

  /** @param {import("../messages.js").Prediction} prediction */
  show(prediction) {
    this.scores = prediction.scores;
    const now = make("p", "now");
    const label = make("span", "label one-line");
    label.dir = "auto";
    const score = make("span", "score");
    now.append(label, score);
    const guess = make("p", "guess");
    const bars = make("ol", "bars");
    bars.setAttribute("aria-label", "The labels with the highest scores");
    const rows = makeBars(bars, Math.min(ROWS, this.session.labels.length));
    this.view = new PredictionView({ label, score, guess, rows });
    this.note.before(now, guess, bars);
    write(this.note, prediction.approximate ? APPROXIMATE : "");
    this.#done();
    this.decide();
  }

  /** Show the label again: the threshold has changed. */
  decide() {
    if (this.scores !== null) this.view?.show(this.session.decide(this.scores));
  }

  /** @param {Error} error */
  fail(error) {
    write(this.note, sentence(error));
    this.note.className = "problem";
    this.element.classList.add("unread");
    this.#done();
  }

  #done() {
    this.element.classList.remove("waiting");
  }

  remove() {
    URL.revokeObjectURL(this.image.src);
    this.element.remove();
  }
}

export class Photographs {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    /** @type {Card[]} */
    this.cards = [];
    /** @type {Card[]} */
    this.queue = [];
    /** @type {Promise<void> | null} that of all in the queue */
    this.running = null;
    this.isPaused = false;
    this.choose = at("choose", HTMLButtonElement);
    this.section = at("photographs", HTMLElement);
    this.#listen();
    session.addEventListener("change", () => this.cards.forEach((card) => card.decide()));
  }

  #listen() {
    const files = at("files", HTMLInputElement);
    this.choose.disabled = false;
    this.choose.addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
      this.add(files.files ?? []);
      files.value = ""; // so that the same files can be chosen again
    });
    at("clear", HTMLElement).addEventListener("click", () => this.clear());
    const isDrop = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    document.addEventListener("dragover", (event) => {
      if (!isDrop(event)) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) document.body.classList.remove("dropping");
    });
    document.addEventListener("drop", (event) => {
      document.body.classList.remove("dropping");
      if (!isDrop(event)) return;
      event.preventDefault();
      this.add(event.dataTransfer?.files ?? []);
    });
  }

  /** @param {Iterable<File>} files */
  add(files) {
    if (this.isPaused) return;
    const cards = [...files].map((file) => new Card(file, this.session));
    if (cards.length === 0) return;
    this.section.hidden = false;
    at("cards", HTMLElement).append(...cards.map((card) => card.element));
    cards[0].element.scrollIntoView({ block: "nearest" });
    this.cards.push(...cards);
    this.queue.push(...cards);
    this.#count();
    this.running ??= this.#classifyAll();
  }

  /** Take no files until `resume`. Resolves when those so far are classified. */
  async pause() {
    this.isPaused = this.choose.disabled = true;
    await this.running;
  }

  resume() {
    this.isPaused = this.choose.disabled = false;
  }

  clear() {
    this.cards.forEach((card) => card.remove());
    this.cards = [];
    this.queue = [];
    this.section.hidden = true;
    this.choose.focus();
  }

  async #classifyAll() {
    for (let card = this.queue.shift(); card !== undefined; card = this.queue.shift()) {
      try {
        card.show(await this.session.client.request({ type: "file", blob: card.file }));
      } catch (error) {
        card.fail(/** @type {Error} */ (error));
      }
      this.#count();
    }
    this.running = null;
  }

  #count() {
    const states = this.cards.map((card) => card.element.classList);
    const [waiting, unread] = ["waiting", "unread"].map((state) => states.filter((all) => all.contains(state)).length);
    const done = this.cards.length - waiting;
    const all = `${done - unread} classified` + (unread > 0 ? `, ${unread} not read` : "");
    write(at("classified", HTMLElement), waiting > 0 ? `${done} of ${this.cards.length}` : all);
  }
}
