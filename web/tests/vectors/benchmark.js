/**
 * Documents of benchmarks, as the page writes them: `node benchmark.js FOLDER` reads given.json, a list of cases, and
 * writes found.json. A case has a site, a navigator, and the milliseconds of each run, which a clock of steps measures.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure } from "../../src/bench/batches.js";
import { resolution } from "../../src/bench/clock.js";
import { benchDocument } from "../../src/bench/document.js";
import { describe } from "../../src/bench/machine.js";
import { SteppingClock } from "../stepping_clock.js";

/**
 * @typedef {import("../../src/site_document.js").Site} Site
 * @typedef {{userAgent: string, hardwareConcurrency?: number, maxTouchPoints?: number, hints?: object}} Given
 * @typedef {{site: Site, navigator: Given, step: number, runs: number[], milliseconds: number, hidden: boolean}} Case
 */

const folder = process.argv[2];
/** @type {Case[]} */
const cases = JSON.parse(readFileSync(join(folder, "given.json"), "utf8"));
const found = [];
for (const { site, navigator, step, runs, milliseconds, hidden } of cases) {
  const clock = new SteppingClock(step);
  let number = 0;
  const run = async () => clock.pass(runs[number++ % runs.length]);
  const measured = await measure(run, { clock: clock.now, resolution: resolution(clock.now), milliseconds });
  const { hints, ...rest } = navigator;
  const userAgentData = hints && { getHighEntropyValues: async () => hints };
  const machine = await describe({ ...rest, userAgentData });
  const conditions = {
    date: new Date("2026-03-04T05:06:07.890Z"),
    runtime: { name: "LiteRT.js", version: "2.5.3" },
    hidden,
  };
  found.push(benchDocument(site, measured, machine, conditions));
}
writeFileSync(join(folder, "found.json"), JSON.stringify(found));
