/** The service worker: the next visit works without a network, and a new version is used when the person says so. */

import { at } from "./elements.js";
import { notice } from "./notices.js";

/** Register it, where there is one: on https and localhost; a single file has none. */
export async function keepOffline() {
  const isPossible = "serviceWorker" in navigator && location.protocol.startsWith("http");
  if (!isPossible || document.querySelector('link[rel="manifest"]') === null) return;
  let registration;
  try {
    registration = await navigator.serviceWorker.register("service_worker.js", { updateViaCache: "none" });
  } catch {
    return; // --serve has no service worker, or its certificate is not trusted: the page works, but only with a network
  }
  void navigator.serviceWorker.ready.then(() => (at("offline", HTMLElement).hidden = false));
  offer(registration);
  const watch = () => registration.installing?.addEventListener("statechange", () => offer(registration));
  watch(); // another page may have begun it
  registration.addEventListener("updatefound", watch);
  // A browser looks for a new version when a page is opened; an installed one is seldom closed.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void registration.update().catch(() => {}); // without a network
  });
}

let isOffered = false;

/** @param {ServiceWorkerRegistration} registration */
function offer(registration) {
  const { waiting } = registration;
  if (waiting === null || navigator.serviceWorker.controller === null || isOffered) return;
  isOffered = true;
  const run = () => {
    if (registration.waiting === null) return location.reload(); // another page uses it already
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage("use");
  };
  notice("A new version is ready.", { action: { label: "Use it", run } });
}
