/**
 * What the page and its worker say to each other, by structured clone. A reply has the ``id`` of its request.
 *
 * @typedef {import("./site_document.js").Site} Site
 * @typedef {import("./bench/batches.js").Measured} Measured
 *
 * The page has verified the assets, and transfers them. The reply is ``Loaded``.
 * @typedef {{id: number, type: "load", site: Site, assets: Record<string, ArrayBuffer>}} LoadRequest
 *
 * A frame of the camera is transferred, and closed by the worker. The reply is ``Prediction``.
 * @typedef {{id: number, type: "frame", bitmap: ImageBitmap}} FrameRequest
 *
 * A file of the user, or a test image. The reply is ``Prediction``.
 * @typedef {{id: number, type: "file", blob: Blob}} FileRequest
 *
 * The network alone, for about this time. The reply is ``MeasuredReply``, after some ``Progress``.
 * @typedef {{id: number, type: "bench", milliseconds: number}} BenchRequest
 *
 * @typedef {LoadRequest | FrameRequest | FileRequest | BenchRequest} Request
 *
 * @typedef {{id: number, type: "loaded"}} Loaded
 * @typedef {{decode?: number, resize: number, invoke: number, total: number}} Timings
 * ``approximate``: the device decodes files of this kind in its own way, so its scores may differ.
 * @typedef {{
 *   id: number, type: "prediction", scores: Float32Array, timings_ms: Timings, approximate: boolean,
 * }} Prediction
 * @typedef {{id: number, type: "progress", share: number}} Progress
 * @typedef {{name: string, version: string}} Runtime
 * @typedef {{id: number, type: "measured", runtime: Runtime} & Measured} MeasuredReply
 *
 * "unreadable": no image, or a damaged one; "format": an image of a format that is not read here;
 * "memory": not enough of it; "damaged": the model or the runtime cannot be used.
 * @typedef {"unreadable" | "format" | "memory" | "damaged" | "internal"} ErrorKind
 * @typedef {{id: number, type: "error", kind: ErrorKind, reason: string, advice: string}} Failure
 *
 * The reply to a request of each type, unless it is a ``Failure``.
 * @typedef {{load: Loaded, frame: Prediction, file: Prediction, bench: MeasuredReply}} Replies
 * @typedef {Loaded | Prediction | Progress | MeasuredReply | Failure} Reply
 */

export {};
