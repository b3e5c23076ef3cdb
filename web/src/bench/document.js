/** The document of a benchmark, as `tlpipe bench` writes it (tlpipe_edge/contract/benchmark.py), schema 1. */

/**
 * @typedef {import("../site_document.js").Site} Site
 * @typedef {import("./batches.js").Measured} Measured
 * @typedef {import("./machine.js").Machine} Machine
 * @typedef {{name: string, version: string}} Runtime
 */

const THREADS = 1;

/**
 * The document. ``hidden``: the page was in the background for some time, where a browser slows it down; not
 * ``proven``: this browser does not give the scores of the device.
 * @param {Site} site
 * @param {Measured} measured
 * @param {Machine} machine
 * @param {{date: Date, runtime: Runtime, hidden?: boolean, proven?: boolean}} conditions
 */
export function benchDocument(site, measured, machine, { date, runtime, hidden = false, proven = true }) {
  const hiddenReason = hidden ? [{ kind: "the page was hidden", detail: "" }] : [];
  const proofReason = proven ? [] : [{ kind: "the self-test failed", detail: "" }];
  const found = [...measured.reasons, ...hiddenReason, ...proofReason];
  const { browser, ...device } = machine;
  return {
    schema: 1,
    ...validity(found, `${site.recipe}, ${THREADS} thread`),
    model: { name: site.name, labels: site.labels, image: site.image, keras_sha256: site.keras_sha256 },
    device: { ...device, browser: { ...browser, clock_ms: measured.clock } },
    conditions: {
      date: `${date.toISOString().slice(0, 19)}+00:00`,
      emulated: false,
      command: "the page of tlpipe web",
      versions: { tlpipe: site.tlpipe, [runtime.name]: runtime.version },
    },
    results: [
      {
        ...validity(found, null),
        recipe: site.recipe,
        file: site.file,
        sha256: site.sha256,
        bytes: site.bytes,
        runtime: runtime.name,
        runtime_version: runtime.version,
        delegate: null,
        threads: THREADS,
        batch_runs: measured.batch_runs,
        invoke_ms: measured.figures,
        samples_ms: { invoke: measured.samples },
      },
    ],
  };
}

/**
 * @param {import("./batches.js").Reason[]} found
 * @param {string | null} scope
 */
function validity(found, scope) {
  const reasons = found.map(({ kind, detail }) => ({ kind, detail, scope }));
  const texts = reasons.map((reason) => [reason.scope, reason.kind, reason.detail].filter(Boolean).join(": "));
  return { valid: found.length === 0, invalid_reasons: texts, reasons };
}
