/** The page: it loads the model, proves itself, and then lets a person use the camera and photographs. */

import { printable } from "../../../edge/tlpipe_edge/live_page/printable.js";
import { write } from "../../../edge/tlpipe_edge/live_page/prediction.js";
import { Sliders } from "../../../edge/tlpipe_edge/live_page/settings.js";
import { RUNTIME } from "../runtime.js";
import { readSite } from "../site.js";
import { Benchmark } from "./benchmark.js";
import { at } from "./elements.js";
import { showFacts } from "./facts.js";
import { showLicences } from "./licences.js";
import { Live } from "./live.js";
import { notice, sentence } from "./notices.js";
import { Photographs } from "./photographs.js";
import { describe } from "./proof_text.js";
import { Session } from "./session.js";
import { prove, startWorker } from "./start.js";
import { size } from "./text.js";
import { keepOffline } from "./updates.js";

/** @typedef {import("../site.js").Site} Site */

/**
 * @param {"loading" | "proven" | "failed" | "broken"} state "failed": the self-test; "broken": there is no model
 * @param {string} text
 */
function status(state, text) {
  document.body.className = state;
  write(at("status", HTMLElement), text);
}

/**
 * @param {number} loaded
 * @param {number} all
 */
function showLoading(loaded, all) {
  const text = loaded < all ? `Loading: ${size(loaded)} of ${size(all)}` : "Starting the model";
  write(at("loading-text", HTMLElement), text);
  at("loaded", HTMLProgressElement).value = loaded / all;
}

/** @param {Site} site */
async function run(site) {
  const name = printable(site.name);
  document.title = name;
  write(at("name", HTMLElement), name);
  write(at("tlpipe", HTMLElement), `tlpipe ${site.tlpipe}`);
  showLicences(site);
  const client = await startWorker(site, showLoading);
  const session = new Session(site, client);
  new Sliders((values) => session.set(values)).show(session.settings);
  status("loading", "Comparing with the device");
  const proof = await prove(site, client);
  const words = describe(proof);
  session.isCertain = proof.passed;
  showFacts(session, `${RUNTIME.name} ${RUNTIME.version}, one thread`, proof);
  status(proof.passed ? "proven" : "failed", words.status);
  if (words.warning) notice(words.warning, { alert: true });
  at("loading", HTMLElement).hidden = true;
  new Benchmark(session, new Live(session), new Photographs(session));
}

async function main() {
  // A page that is kept already may be one that does not start: then only a new version mends it.
  const isKept = Boolean(navigator.serviceWorker?.controller);
  if (isKept) void keepOffline();
  try {
    await run(readSite());
  } catch (error) {
    status("broken", "Not ready");
    notice(sentence(/** @type {Error} */ (error)), { alert: true });
  }
  if (!isKept) await keepOffline(); // what it fetches comes after what the model needs
}

void main();
