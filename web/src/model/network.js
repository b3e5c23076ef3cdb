/** One .tflite in LiteRT.js: its compat wasm, on the CPU, with one thread. */

import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

/** @typedef {import("@litertjs/core").CompiledModel} CompiledModel */
/** @typedef {import("./scores.js").Values} Values */

/**
 * Start LiteRT.js. Once for each worker. Raise the errors of WebAssembly.
 * @param {BlobPart} loader the text of its loader
 * @param {ArrayBuffer} wasm
 */
export async function start(loader, wasm) {
  const url = URL.createObjectURL(new Blob([loader], { type: "text/javascript" }));
  // With wasmBinary there, nothing is fetched. It writes what it does as errors to the console.
  Object.assign(globalThis, { Module: { wasmBinary: wasm, printErr: onlyErrors } });
  // It would ask for a graphics card, and write to the console that there is none.
  Object.defineProperty(navigator, "gpu", { value: undefined, configurable: true });
  const warn = console.warn;
  console.warn = () => {};
  try {
    await loadLiteRt(`${url}#litert.js`); // the name must end in .js
  } finally {
    console.warn = warn;
    URL.revokeObjectURL(url);
  }
}

/** @param {string} text */
function onlyErrors(text) {
  if (/^(?:ERROR|FATAL)/.test(text)) console.error(text);
}

/** A compiled model. ``run`` takes the values of the input tensor, and returns a copy of those of the output. */
export class Network {
  /** @type {CompiledModel} */
  #model;
  /** @type {number[]} */
  #shape;

  /**
   * @param {CompiledModel} model
   * @param {number[]} shape
   */
  constructor(model, shape) {
    this.#model = model;
    this.#shape = shape;
  }

  /**
   * Compile the bytes of a .tflite whose input has this shape.
   * @param {ArrayBuffer} content
   * @param {number[]} shape
   */
  static async open(content, shape) {
    return new Network(await loadAndCompile(new Uint8Array(content), { accelerator: "wasm" }), shape);
  }

  /** @param {Values} values */
  async run(values) {
    const input = new Tensor(values, this.#shape);
    try {
      return await this.#output(input);
    } finally {
      input.delete();
    }
  }

  /**
   * A function that runs the network alone, again and again, on these values; call ``done`` after the last one.
   * @param {Values} values
   */
  repeated(values) {
    const input = new Tensor(values, this.#shape);
    const run = async () => {
      for (const output of await this.#model.run([input])) output.delete();
    };
    return { run, done: () => input.delete() };
  }

  /** @param {Tensor} input */
  async #output(input) {
    const outputs = await this.#model.run([input]);
    try {
      return outputs[0].toTypedArray().slice();
    } finally {
      outputs.forEach((output) => output.delete());
    }
  }
}
