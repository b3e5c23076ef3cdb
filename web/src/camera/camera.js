/** The camera of a phone or computer: which one, its torch, and what went wrong, in words for a person. */

/** @typedef {"insecure" | "denied" | "missing" | "busy" | "failed"} CameraFault */

export class CameraError extends Error {
  /**
   * @param {CameraFault} kind
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

const SIZE = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } };
const PHOTOGRAPHS = "Photographs work without a camera.";

const ALLOW = "Allow it in the browser's settings for this page, then start the camera.";

/** @type {Record<string, [CameraFault, string, string]>} by the name of a DOMException (W3C Media Capture, 10.4) */
const FAULTS = {
  NotAllowedError: ["denied", "This page may not use the camera.", ALLOW],
  NotFoundError: ["missing", "There is no camera.", "Connect one: it starts by itself."],
  OverconstrainedError: ["missing", "This camera is gone.", "Connect it again: it starts by itself."],
  NotReadableError: ["busy", "The camera cannot be read.", "Close other programs that use it, then start the camera."],
  AbortError: ["busy", "The camera did not start.", "Start it again, or connect it again."],
};

/**
 * @param {unknown} error
 * @returns {CameraError}
 */
function explained(error) {
  const name = error instanceof Error ? error.name : "";
  const other = /** @type {const} */ (["failed", `The camera did not start (${name || error}).`, "Start it again."]);
  const [kind, reason, advice] = FAULTS[name] ?? other;
  return new CameraError(kind, reason, `${advice} ${PHOTOGRAPHS}`);
}

/** One camera at a time, shown in a video element. */
export class Camera {
  /**
   * @param {HTMLVideoElement} video
   * @param {{onLost: () => void, onSilent: (isSilent: boolean) => void}} events `onLost`: the running camera has ended:
   *   it was unplugged, or its permission was taken back; `onSilent`: it gives no images for a time, or again
   */
  constructor(video, { onLost, onSilent }) {
    this.video = video;
    this.onLost = onLost;
    this.onSilent = onSilent;
    /** @type {MediaStreamTrack | null} */
    this.track = null;
    /** @type {MediaDeviceInfo[]} */
    this.all = [];
    this.attempt = 0;
  }

  /** Whether it faces the person who holds the phone, so that the video is shown as a mirror. */
  get facesUser() {
    return this.track?.getSettings().facingMode === "user";
  }

  get hasTorch() {
    const able = this.track?.getCapabilities?.();
    return able !== undefined && "torch" in able && Boolean(able.torch);
  }

  /**
   * Start a camera: the rear one, or the one of this id. The first time, the browser asks the person.
   * Raise CameraError if there is none, or if it is refused. The result is false if it was stopped meanwhile.
   * @param {string} [id] of a device
   */
  async start(id) {
    this.stop();
    const attempt = this.attempt;
    if (!navigator.mediaDevices?.getUserMedia) {
      const reason = "Browsers allow the camera on https:// and localhost only.";
      throw new CameraError("insecure", reason, `Open this page there. ${PHOTOGRAPHS}`);
    }
    const which = id === undefined ? { facingMode: { ideal: "environment" } } : { deviceId: { exact: id } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...SIZE, ...which } });
      if (attempt !== this.attempt) {
        stream.getTracks().forEach((track) => track.stop());
        return false;
      }
      await this.#show(stream);
    } catch (error) {
      if (attempt !== this.attempt) return false;
      this.stop();
      throw explained(error);
    }
    return attempt === this.attempt;
  }

  /** @param {MediaStream} stream */
  async #show(stream) {
    const [track] = stream.getVideoTracks();
    this.track = track;
    track.addEventListener("ended", () => {
      if (track !== this.track) return;
      this.stop();
      this.onLost();
    });
    for (const event of /** @type {const} */ (["mute", "unmute"])) {
      track.addEventListener(event, () => track === this.track && this.onSilent(event === "mute"));
    }
    this.video.srcObject = stream;
    await this.video.play();
    this.all = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  }

  /** The id of the camera after this one; undefined if there is no other. */
  get next() {
    if (this.all.length < 2) return undefined;
    const here = this.all.findIndex((device) => device.deviceId === this.track?.getSettings().deviceId);
    return this.all[(here + 1) % this.all.length].deviceId;
  }

  /**
   * Raise CameraError if the torch does not obey.
   * @param {boolean} on
   */
  async torch(on) {
    try {
      // `torch` is of W3C MediaStream Image Capture, which the types of the DOM do not have.
      const torch = /** @type {MediaTrackConstraintSet} */ (/** @type {unknown} */ ({ torch: on }));
      await this.track?.applyConstraints({ advanced: [torch] });
    } catch {
      throw new CameraError("failed", "The torch cannot be switched.", "");
    }
  }

  stop() {
    this.attempt += 1;
    this.track?.stop();
    this.track = null;
    this.video.srcObject = null;
  }
}
