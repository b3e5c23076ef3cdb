/** The camera on the page: its buttons, its video with the crop, and the prediction for its newest frame. */

import { drawCrop } from "../../../edge/tlpipe_edge/live_page/crop.js";
import { makeBars, write } from "../../../edge/tlpipe_edge/live_page/prediction.js";
import { PredictionView } from "../../../edge/tlpipe_edge/live_page/prediction_view.js";
import { Camera, CameraError } from "../camera/camera.js";
import { Frames } from "../camera/frames.js";
import { Smoother } from "../camera/smoothing.js";
import { at } from "./elements.js";
import { sentence } from "./notices.js";

const ROWS = 5;
const LOST =
  "The camera was disconnected, or its permission was taken back. It starts again when it is connected.";
const PAUSE = 2000; // ms between two labels that a screen reader reads

/** @typedef {import("./session.js").Session} Session */

export class Live {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    this.video = at("video", HTMLVideoElement);
    this.button = at("camera", HTMLButtonElement);
    this.problem = at("problem", HTMLElement);
    this.view = new PredictionView({
      label: at("label", HTMLElement),
      score: at("score", HTMLElement),
      guess: at("guess", HTMLElement),
      rows: makeBars(at("best", HTMLElement), Math.min(ROWS, session.site.labels.length)),
    });
    this.camera = new Camera(this.video, {
      onLost: () => this.#lost(),
      onSilent: (isSilent) => write(this.problem, isSilent ? "The camera gives no images at the moment." : ""),
    });
    this.frames = new Frames(this.video, (frame) => this.#classify(frame));
    this.smoother = new Smoother();
    this.isOn = false;
    this.isLost = false; // it starts again when a camera is connected
    this.isPaused = false; // it starts again when the page is visible
    /** @type {string | undefined} */
    this.id = undefined;
    /** @type {WakeLockSentinel | null} */
    this.awake = null;
    this.announced = { label: "", time: 0 };
    this.#listen();
  }

  #listen() {
    this.button.disabled = false;
    this.button.addEventListener("click", () => (this.isOn ? this.stop() : void this.start(this.id)));
    at("switch", HTMLElement).addEventListener("click", () => void this.start(this.camera.next));
    at("torch", HTMLElement).addEventListener("click", () => void this.#switchTorch());
    this.video.addEventListener("resize", () => this.#drawCrop());
    document.addEventListener("visibilitychange", () => this.#visibility());
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.isLost && !document.hidden) void this.start();
    });
  }

  /** @param {string} [id] of a camera */
  async start(id) {
    this.#end();
    this.isLost = this.isPaused = false;
    this.#show("Stop camera", "");
    at("viewer", HTMLElement).hidden = false; // some browsers play no video that is not shown
    try {
      if (!(await this.camera.start(id))) return;
    } catch (error) {
      return this.#failed(/** @type {CameraError} */ (error));
    }
    this.id = id;
    this.smoother.forget();
    this.video.classList.toggle("mirrored", this.camera.facesUser);
    at("live", HTMLElement).hidden = false;
    at("switch", HTMLElement).hidden = this.camera.next === undefined;
    at("torch", HTMLElement).hidden = !this.camera.hasTorch;
    at("torch", HTMLElement).setAttribute("aria-pressed", "false");
    this.frames.start();
    await this.#keepAwake();
  }

  async #keepAwake() {
    const { track } = this.camera;
    const lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
    if (track === this.camera.track) this.awake = lock;
    else void lock?.release(); // stopped meanwhile
  }

  stop() {
    this.#end();
    this.isLost = this.isPaused = false;
    this.#show("Start camera", "");
  }

  /** Stop, and do not start until `resume`. */
  pause() {
    this.stop();
    this.button.disabled = true;
  }

  resume() {
    this.button.disabled = false;
  }

  #end() {
    this.camera.stop();
    this.frames.stop();
    void this.awake?.release();
    this.awake = null;
    for (const id of ["viewer", "live", "switch", "torch"]) at(id, Element).toggleAttribute("hidden", true);
  }

  /**
   * @param {"Start camera" | "Stop camera"} action what the button does
   * @param {string} problem
   */
  #show(action, problem) {
    this.isOn = action === "Stop camera";
    write(this.button, action);
    write(this.problem, problem);
  }

  /** @param {CameraError} error */
  #failed(error) {
    this.#end();
    this.isLost = error.kind === "missing";
    if (error.kind === "missing") this.id = undefined;
    this.#show("Start camera", sentence(error));
  }

  #lost() {
    this.#end();
    this.isLost = true;
    this.id = undefined;
    this.#show("Start camera", LOST);
  }

  #visibility() {
    if (document.hidden && this.isOn) {
      this.#end();
      this.isPaused = true;
    } else if (!document.hidden && (this.isPaused || this.isLost)) {
      void this.start(this.id);
    }
  }

  async #switchTorch() {
    const torch = at("torch", HTMLButtonElement);
    const on = torch.getAttribute("aria-pressed") !== "true";
    try {
      await this.camera.torch(on);
      torch.setAttribute("aria-pressed", String(on));
    } catch (error) {
      write(this.problem, sentence(/** @type {CameraError} */ (error)));
    }
  }

  #drawCrop() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    drawCrop(at("crop", SVGSVGElement), { width, height, crop: this.session.site.image.crop });
    at("viewer", HTMLElement).style.aspectRatio = `${width} / ${height}`;
  }

  /** @param {ImageBitmap} frame */
  async #classify(frame) {
    const { track } = this.camera;
    try {
      const prediction = await this.session.client.request({ type: "frame", bitmap: frame }, [frame]);
      if (track === null || track !== this.camera.track) return; // stopped or switched meanwhile
      this.smoother.smoothing = this.session.settings.smoothing;
      const scores = this.smoother.smoothed(prediction.scores);
      this.#showPrediction(this.view.show(this.session.decide(scores)), prediction.timings_ms);
    } catch (error) {
      frame.close(); // it was not transferred if the worker has ended before
      this.stop();
      write(this.problem, sentence(/** @type {Error} */ (error)));
    }
  }

  /**
   * @param {string} label as shown
   * @param {Record<string, number>} timings in ms
   */
  #showPrediction(label, timings) {
    write(at("rate", HTMLElement), this.frames.rate.toFixed(1));
    write(at("dropped", HTMLElement), this.frames.dropped.toLocaleString("en"));
    for (const stage of ["resize", "invoke", "total"]) write(at(stage, HTMLElement), timings[stage].toFixed(1));
    const now = performance.now();
    if (label !== this.announced.label && now - this.announced.time >= PAUSE) {
      this.announced = { label, time: now };
      write(at("announced", HTMLElement), label);
    }
  }
}
