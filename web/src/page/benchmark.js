/** The benchmark: it measures, shows the result, and gives it away as a file that `tlpipe report` reads. */

import { write } from "../../../edge/tlpipe_edge/live_page/prediction.js";
import { benchDocument } from "../bench/document.js";
import { describe } from "../bench/machine.js";
import { at } from "./elements.js";
import { sentence } from "./notices.js";

const DURATION = 10_000; // ms
const UNKNOWN = "unknown";

/** @typedef {ReturnType<typeof benchDocument>} Document */

export class Benchmark {
  /**
   * @param {import("./session.js").Session} session
   * @param {import("./live.js").Live} live
   * @param {import("./photographs.js").Photographs} photographs both are paused while it measures
   */
  constructor(session, live, photographs) {
    this.session = session;
    this.live = live;
    this.photographs = photographs;
    this.button = at("measure", HTMLButtonElement);
    this.download = at("download", HTMLAnchorElement);
    this.isHidden = false;
    /** @type {Document | undefined} */
    this.found = undefined;
    /** @type {File | undefined} */
    this.shared = undefined;
    this.button.disabled = false;
    this.button.addEventListener("click", () => void this.#measure());
    at("share", HTMLElement).addEventListener("click", () => void this.#share());
    at("board", HTMLElement).addEventListener("input", () => this.#offer());
    document.addEventListener("visibilitychange", () => (this.isHidden ||= document.hidden));
    void describe(navigator).then(({ board }) => {
      if (board !== UNKNOWN) at("board", HTMLInputElement).value = board;
    });
  }

  async #measure() {
    const progress = at("measured", HTMLProgressElement);
    this.live.pause();
    this.button.disabled = true;
    progress.value = 0;
    at("measuring", HTMLElement).hidden = false;
    at("result", HTMLElement).hidden = true;
    write(at("measure-error", HTMLElement), "");
    await this.photographs.pause();
    this.isHidden = document.hidden;
    const awake = navigator.wakeLock?.request("screen").catch(() => null);
    try {
      const request = /** @type {const} */ ({ type: "bench", milliseconds: DURATION });
      const measured = await this.session.client.request(request, [], (share) => (progress.value = share));
      const machine = await describe(navigator);
      const proven = this.session.isCertain;
      const conditions = { date: new Date(), runtime: measured.runtime, hidden: this.isHidden, proven };
      this.#show(benchDocument(this.session.site, measured, machine, conditions));
    } catch (error) {
      write(at("measure-error", HTMLElement), sentence(/** @type {Error} */ (error)));
    }
    void awake?.then((lock) => lock?.release());
    at("measuring", HTMLElement).hidden = true;
    this.button.disabled = false;
    this.photographs.resume();
    this.live.resume();
  }

  /** @param {Document} found */
  #show(found) {
    const { invoke_ms } = found.results[0];
    write(at("p50", HTMLElement), invoke_ms.p50.toFixed(1));
    write(at("p95", HTMLElement), invoke_ms.p95.toFixed(1));
    write(at("batches", HTMLElement), String(invoke_ms.runs));
    const why = found.reasons.map(({ kind, detail }) => (detail ? `${kind} (${detail})` : kind)).join("; ");
    const again = this.session.isCertain ? " Measure again." : "";
    const valid = found.valid ? "The network alone, one thread." : `Not valid: ${why}.${again}`;
    write(at("valid", HTMLElement), valid);
    at("result", HTMLElement).classList.toggle("invalid", !found.valid);
    this.found = found;
    this.#offer();
    at("result", HTMLElement).hidden = false;
  }

  /** Offer the file of the measurement, with the name of the device as it is now. */
  #offer() {
    if (this.found === undefined) return;
    const board = at("board", HTMLInputElement).value.trim() || this.found.device.board;
    const found = { ...this.found, device: { ...this.found.device, board } };
    const [text, name] = [`${JSON.stringify(found, null, 2)}\n`, this.#name()];
    const file = new File([text], name, { type: "application/json" });
    URL.revokeObjectURL(this.download.href);
    this.download.href = URL.createObjectURL(file);
    this.download.download = name;
    // Chrome shares no .json.
    const files = [file, new File([text], `${name}.txt`, { type: "text/plain" })];
    this.shared = files.find((each) => navigator.canShare?.({ files: [each] }));
    at("share", HTMLElement).hidden = this.shared === undefined;
  }

  #name() {
    const inName = (/** @type {string} */ text) => text.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "");
    const { name, recipe } = this.session.site;
    const parts = ["bench", inName(name), recipe, inName(at("board", HTMLInputElement).value)];
    return `${parts.filter(Boolean).join("-")}.json`;
  }

  async #share() {
    if (this.shared === undefined) return;
    try {
      await navigator.share({ files: [this.shared] });
    } catch (error) {
      if (/** @type {Error} */ (error).name === "AbortError") return; // the person has changed their mind
      write(at("measure-error", HTMLElement), "It cannot be shared here. Download it.");
    }
  }
}
