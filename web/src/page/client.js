/** The page's side of the worker: a promise for each request. */

/**
 * @typedef {import("../messages.js").Request} Request
 * @typedef {import("../messages.js").Reply} Reply
 * @typedef {import("../messages.js").Replies} Replies
 */

/** An error of the worker, in words for a person. */
export class WorkerError extends Error {
  /**
   * @param {string} kind
   * @param {string} reason one sentence
   * @param {string} advice what to do
   */
  constructor(kind, reason, advice) {
    super(reason);
    this.kind = kind;
    this.reason = reason;
    this.advice = advice;
  }
}

/**
 * A request without a reply. The worker gives the one of its type.
 * @typedef {{
 *   resolve: (reply: Replies[keyof Replies]) => void,
 *   reject: (error: WorkerError) => void,
 *   progress: (share: number) => void,
 * }} Waiting
 */

export class Client {
  /** @param {Worker} worker */
  constructor(worker) {
    this.worker = worker;
    /** @type {Map<number, Waiting>} */
    this.waiting = new Map();
    this.last = 0;
    /** @type {WorkerError | null} what has ended the worker */
    this.failure = null;
    worker.onmessage = ({ data }) => this.#take(data);
    worker.onerror = (event) => this.#fail(event.message);
    worker.onmessageerror = () => this.#fail("");
  }

  /**
   * @template {keyof Replies} T
   * @param {{type: T} & Omit<Extract<Request, {type: T}>, "id" | "type">} message without its id
   * @param {Transferable[]} [transfer]
   * @param {(share: number) => void} [progress] gets 0 to 1
   * @returns {Promise<Replies[T]>} the reply. Rejects with WorkerError.
   */
  request(message, transfer = [], progress = () => {}) {
    this.last += 1;
    const id = this.last;
    return new Promise((resolve, reject) => {
      if (this.failure !== null) return reject(this.failure);
      const take = /** @type {Waiting["resolve"]} */ (resolve);
      this.waiting.set(id, { resolve: take, reject, progress });
      this.worker.postMessage({ id, ...message }, transfer);
    });
  }

  /** @param {Reply} reply */
  #take(reply) {
    const waiting = this.waiting.get(reply.id);
    if (waiting === undefined) return;
    if (reply.type === "progress") return waiting.progress(reply.share);
    this.waiting.delete(reply.id);
    if (reply.type === "error") waiting.reject(new WorkerError(reply.kind, reply.reason, reply.advice));
    else waiting.resolve(reply);
  }

  /** @param {string} message */
  #fail(message) {
    const reason = message ? `The model has stopped (${message}).` : "The model has stopped.";
    this.failure = new WorkerError("internal", reason, "Load this page again.");
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
    this.worker.terminate();
  }
}
