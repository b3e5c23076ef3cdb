/**
 * What a browser says of the machine it runs on. Most of them say little: what is unknown is "unknown".
 *
 * @typedef {{name: string, version: string}} BrowserName
 * @typedef {{
 *   board: string, cpu: string, cores: number, machine: string, bits: number, os: string, kernel: string,
 *   browser: BrowserName,
 * }} Machine
 * User-agent client hints, which Chromium has.
 * @typedef {{brand: string, version: string}} Brand
 * @typedef {{
 *   model?: string, platform?: string, platformVersion?: string, architecture?: string, bitness?: string,
 *   fullVersionList?: Brand[],
 * }} Hints
 * @typedef {{
 *   userAgent: string, hardwareConcurrency?: number, maxTouchPoints?: number,
 *   userAgentData?: {getHighEntropyValues: (names: string[]) => Promise<Hints>},
 * }} Navigator
 */

const UNKNOWN = "unknown";
const HINTS = ["model", "platform", "platformVersion", "architecture", "bitness", "fullVersionList"];
/** The bits of a program: those of WebAssembly's addresses. */
const BITS = 32;

/** Browsers by their user agent; a later one's may hold the name of an earlier one. @type {[RegExp, string][]} */
const BROWSERS = [
  [/\bFxiOS\/([\d.]+)/, "Firefox"],
  [/\bCriOS\/([\d.]+)/, "Chrome"],
  [/\bEdg(?:A|iOS)?\/([\d.]+)/, "Edge"],
  [/\bOPR\/([\d.]+)/, "Opera"],
  [/\bSamsungBrowser\/([\d.]+)/, "Samsung Internet"],
  [/\bFirefox\/([\d.]+)/, "Firefox"],
  [/\b(?:Headless)?Chrome\/([\d.]+)/, "Chrome"],
  [/\bVersion\/([\d.]+).*\bSafari\//, "Safari"],
];

/** Systems by their user agent, with the versions that are not frozen. @type {[RegExp, string][]} */
const SYSTEMS = [
  [/\bAndroid 10; K\b()/, "Android"], // what Chromium says of all of them
  [/\bAndroid (\d[\d.]*)/, "Android"],
  [/\bAndroid()/, "Android"],
  [/\biPhone OS ([\d_]+)/, "iOS"],
  [/\biPad; CPU OS ([\d_]+)/, "iPadOS"],
  [/\bMac OS X()/, "macOS"],
  [/\bWindows NT()/, "Windows"],
  [/\bCrOS()/, "ChromeOS"],
  [/\bLinux()/, "Linux"],
];

/** @type {Record<string, string>} */
const MACHINES = { "arm 64": "aarch64", "arm 32": "arm", "x86 64": "x86_64", "x86 32": "i686" };

/**
 * @param {Navigator} navigator
 * @returns {Promise<Machine>}
 */
export async function describe(navigator) {
  const hints = await hintsOf(navigator);
  const machine =
    MACHINES[`${hints.architecture} ${hints.bitness}`] ?? /\b(x86_64|aarch64)\b/.exec(navigator.userAgent)?.[1];
  return {
    board: hints.model || boardOf(navigator),
    cpu: UNKNOWN,
    cores: Math.max(1, navigator.hardwareConcurrency ?? 1),
    machine: machine ?? UNKNOWN,
    bits: BITS,
    os: [hints.platform, hints.platformVersion].filter(Boolean).join(" ") || systemOf(navigator),
    kernel: UNKNOWN,
    browser: browserOf(navigator, hints),
  };
}

/**
 * @param {Navigator} navigator
 * @returns {Promise<Hints>}
 */
async function hintsOf({ userAgentData }) {
  try {
    return (await userAgentData?.getHighEntropyValues(HINTS)) ?? {};
  } catch {
    return {}; // a policy may forbid it
  }
}

/** @param {Navigator} navigator */
function boardOf({ userAgent, maxTouchPoints = 0 }) {
  const named = /\b(iPhone|iPad)\b/.exec(userAgent)?.[1];
  if (named) return named;
  return /\bMacintosh\b/.test(userAgent) && maxTouchPoints > 1 ? "iPad" : UNKNOWN; // it calls itself a Macintosh
}

/** @param {Navigator} navigator */
function systemOf({ userAgent, maxTouchPoints = 0 }) {
  if (/\bMacintosh\b/.test(userAgent) && maxTouchPoints > 1) return "iPadOS";
  for (const [pattern, name] of SYSTEMS) {
    const found = pattern.exec(userAgent);
    if (found) return `${name} ${found[1].replaceAll("_", ".")}`.trim();
  }
  return UNKNOWN;
}

/**
 * @param {Navigator} navigator
 * @param {Hints} hints
 * @returns {BrowserName}
 */
function browserOf({ userAgent }, { fullVersionList = [] }) {
  const real = fullVersionList.filter(({ brand }) => !/^Not|^\W|\bNot\b/.test(brand));
  const brand = real.find(({ brand }) => brand !== "Chromium") ?? real[0];
  if (brand) return { name: brand.brand.replace(/^(?:Google|Microsoft) /, ""), version: brand.version };
  for (const [pattern, name] of BROWSERS) {
    const found = pattern.exec(userAgent);
    if (found) return { name, version: found[1] };
  }
  return { name: UNKNOWN, version: UNKNOWN };
}
