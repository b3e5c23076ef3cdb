import assert from "node:assert/strict";
import { test } from "node:test";
import { describe } from "../src/bench/machine.js";

const WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)";

/** @type {[string, string, string, string, string][]} user agent, board, os, browser, version */
const AGENTS = [
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "iPhone",
    "iOS 18.1",
    "Safari",
    "18.1",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/126.0.1 Mobile/15E148 Safari/604.1",
    "iPhone",
    "iOS 17.5",
    "Chrome",
    "126.0.1",
  ],
  ["Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0", "unknown", "Android 14", "Firefox", "133.0"],
  [
    `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} Chrome/130.0.0.0 Mobile Safari/537.36`,
    "unknown",
    "Android",
    "Chrome",
    "130.0.0.0",
  ],
  [
    `Mozilla/5.0 (Linux; Android 10; K) ${WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36`,
    "unknown",
    "Android",
    "Samsung Internet",
    "27.0",
  ],
  [
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${WEBKIT} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2`,
    "unknown",
    "Windows",
    "Edge",
    "130.0.2",
  ],
  [
    `Mozilla/5.0 (X11; Linux x86_64) ${WEBKIT} HeadlessChrome/142.0.0.0 Safari/537.36`,
    "unknown",
    "Linux",
    "Chrome",
    "142.0.0.0",
  ],
  ["a browser of the future", "unknown", "unknown", "unknown", "unknown"],
];

test("user agents", async () => {
  for (const [userAgent, board, os, name, version] of AGENTS) {
    const machine = await describe({ userAgent, hardwareConcurrency: 6 });
    assert.deepEqual([machine.board, machine.os, machine.browser], [board, os, { name, version }], userAgent);
    assert.equal(machine.cores, 6);
  }
});

test("an iPad that calls itself a Macintosh", async () => {
  const userAgent =
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15";
  assert.equal((await describe({ userAgent, maxTouchPoints: 5 })).board, "iPad");
  assert.equal((await describe({ userAgent, maxTouchPoints: 0 })).os, "macOS");
});

test("client hints say more", async () => {
  const hints = {
    model: "Pixel 8",
    platform: "Android",
    platformVersion: "15.0.0",
    architecture: "arm",
    bitness: "64",
    fullVersionList: [
      { brand: "Not;A=Brand", version: "99.0" },
      { brand: "Chromium", version: "142.0.1" },
      { brand: "Google Chrome", version: "142.0.1" },
    ],
  };
  const machine = await describe({
    userAgent: AGENTS[3][0],
    userAgentData: { getHighEntropyValues: async () => hints },
  });
  assert.deepEqual(machine, {
    board: "Pixel 8",
    cpu: "unknown",
    cores: 1,
    machine: "aarch64",
    bits: 32,
    os: "Android 15.0.0",
    kernel: "unknown",
    browser: { name: "Chrome", version: "142.0.1" },
  });
  const forbidden = {
    getHighEntropyValues: async () => {
      throw new Error("forbidden");
    },
  };
  assert.equal((await describe({ userAgent: AGENTS[3][0], userAgentData: forbidden })).browser.name, "Chrome");
});
