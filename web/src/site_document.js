/**
 * The site document, schema 1: what the page knows of the bundle (pipeline/tlpipe/website writes it).
 *
 * @typedef {import("./images/resize.js").Crop} Crop
 * @typedef {import("./model/scores.js").TensorSpec} TensorSpec
 * @typedef {import("./model/scores.js").Ending} Ending
 * @typedef {import("./proof/self_test.js").Expected} Expected
 *
 * ``unpacked_sha256`` is that of the content of a gzip file.
 * @typedef {{sha256: string, bytes: number, unpacked_sha256?: string}} Asset
 * ``interval``: the bounds of 95 %, 0 to 1. ``trained_on`` of the images are training images; null: unknown.
 * @typedef {{
 *   top1: number, interval: number[], images: number, split: string, trained_on: number | null,
 *   agreement: number | null,
 * }} Evaluation
 *
 * ``version`` is that of the assets and of this document, ``tlpipe`` that of the program.
 * @typedef {{
 *   schema: 1, version: string, name: string, recipe: string, file: string, labels: string[],
 *   image: {size: number, crop: Crop}, input: TensorSpec, output: TensorSpec, ending: Ending,
 *   sha256: string, bytes: number, keras_sha256: string | null, tlpipe: string, evaluation: Evaluation | null,
 *   threshold: number, smoothing: number, assets: Record<string, Asset>,
 *   tests: Expected[], golden: Expected[], tolerance: number, single_file: boolean,
 * }} Site
 */

export {};
