/**
 * Keeps the page, so that it opens without a network. `tlpipe web` writes the version of the site into this file, so a
 * browser notices a new one: it is fetched and checked beside the old one, which is used until the page says "use".
 */

/** @typedef {{sha256: string, unpacked_sha256?: string}} Asset `unpacked_sha256`: if the host has unpacked the file */

const scope = /** @type {ServiceWorkerGlobalScope} */ (/** @type {unknown} */ (self));
const VERSION = "{{version}}";
const OWN = `tlpipe ${scope.registration.scope} `; // other sites of this host have caches of their own
const CACHE = OWN + VERSION;
const PAGE = new URL("./", scope.registration.scope).href;
const INDEX = `${PAGE}index.html`;

scope.addEventListener("install", (event) => event.waitUntil(install()));

scope.addEventListener("activate", (event) => event.waitUntil(replaceOthers()));

scope.addEventListener("message", (event) => {
  if (event.data === "use") void scope.skipWaiting();
});

scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(PAGE)) event.respondWith(respond(request));
});

/** @param {Request} request */
async function respond(request) {
  const url = new URL(request.url);
  const isPage = request.mode === "navigate" && [PAGE, INDEX].includes(url.origin + url.pathname);
  const cache = await caches.open(CACHE);
  return (await cache.match(isPage ? PAGE : request)) ?? fetch(request);
}

/** If a file is missing, damaged, or of another version, the old version stays. */
async function install() {
  const isInUse = await caches.has(CACHE); // the version before the last one was published again
  try {
    await fetchAll();
  } catch (error) {
    if (!isInUse) await caches.delete(CACHE);
    throw error;
  }
}

/** Raise TypeError or Error. */
async function fetchAll() {
  const { page, text, assets } = await fetchedPage();
  const cache = await caches.open(CACHE);
  const linked = text.matchAll(/ (?:href|src)="([\w./?=-]+)"(?: integrity="([^"]+)")?/g);
  await Promise.all([
    keep(cache, PAGE, page),
    ...[...linked].map(async ([, url, integrity]) => keep(cache, url, await fetched(url, "no-cache", integrity))),
    ...Object.entries(assets).map(async ([name, asset]) => {
      const url = `${name}?v=${asset.sha256.slice(0, 8)}`;
      await keep(cache, url, await fetched(url, "default", integrityOf(asset)));
    }),
  ]);
}

/** The page of this version. Some hosts give it by its name alone. Raise TypeError or Error. */
async function fetchedPage() {
  let version;
  for (const url of [PAGE, INDEX]) {
    const page = await fetch(url, { cache: "no-cache" });
    const text = await page.clone().text();
    /** @type {{version?: string, assets: Record<string, Asset>}} */
    const site = JSON.parse(text.match(/<script[^>]* id="site"[^>]*>([^]*?)<\/script>/)?.[1] ?? "{}");
    if (page.ok && site.version === VERSION) return { page, text, assets: site.assets };
    version ??= site.version;
  }
  throw new Error(`the page is of version ${version}, not ${VERSION}`);
}

/**
 * A file, which the browser refuses if it is not as it was written. Raise TypeError or Error.
 * @param {string} url
 * @param {RequestCache} cache
 * @param {string} [integrity]
 */
async function fetched(url, cache, integrity = "") {
  // What the browser has stored may be damaged, or of another version.
  const response = await fetch(url, { cache, integrity }).catch(() => fetch(url, { cache: "reload", integrity }));
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response;
}

/** Either of the hashes is enough. @param {Asset} asset */
function integrityOf({ sha256, unpacked_sha256 = sha256 }) {
  const bytes = (/** @type {string} */ hash) => hash.replace(/../g, (byte) => String.fromCharCode(parseInt(byte, 16)));
  return [sha256, unpacked_sha256].map((hash) => `sha256-${btoa(bytes(hash))}`).join(" ");
}

/**
 * Its other headers are those of one request: by `Vary` it would not be found for another one.
 * @param {Cache} cache
 * @param {string} url
 * @param {Response} response
 */
async function keep(cache, url, response) {
  const type = response.headers.get("Content-Type");
  await cache.put(url, new Response(await response.arrayBuffer(), { headers: type ? { "Content-Type": type } : {} }));
}

async function replaceOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(OWN) && name !== CACHE).map((name) => caches.delete(name)));
  await scope.clients.claim();
}
