import { drawCrop } from "./crop.js";
import { makeBars, percent, write } from "./prediction.js";
import { PredictionView, UNKNOWN, asGuess } from "./prediction_view.js";
import { printable } from "./printable.js";
import { Sliders } from "./settings.js";

const SILENCE = 6000;  // ms: three of the server's heartbeats
const RETRY = 2000;    // ms between attempts to connect
const RENEWAL = 20000; // ms: browsers do not report the end of a stream of images, so it is requested again
const QUALITY = 0.92;  // of a snapshot of the paused image

const at = (id) => document.getElementById(id);
const view = new PredictionView({ label: at("label"), score: at("score"), guess: at("guess"), rows: [] });
const sliders = new Sliders(adjust);
let picture = at("picture");
let coming = picture;
let events = null;
let timer = 0;
let renewal = 0;
let isPaused = false;
let wanted = null;     // settings that the server does not have yet
let isAdjusting = false;

function state(name, status, notice) {
  if (document.body.className !== name) write(at("said"), "");
  document.body.className = name;
  const hasImage = name === "live" || name === "paused";
  at("pause").disabled = at("keep").disabled = !hasImage;
  if (!hasImage) at("snapshot").removeAttribute("href");
  else if (!isPaused) at("snapshot").href = "snapshot.jpg";
  document.title = (name === "live" ? at("label").textContent : status) + " – " + at("name").textContent;
  write(at("status"), status);
  write(at("notice"), notice);
}

function show({ model, settings, keeps, outage, answer, history }) {
  describe(model);
  if (!isAdjusting) sliders.show(settings);
  showHistory(history);
  at("keep").hidden = !keeps;
  if (outage !== null) return state("out", "No camera", "The camera is out: " + printable(outage));
  if (answer === null) return state("starting", "Starting", "Waiting for the first frame");
  const { naturalWidth: width, naturalHeight: height } = picture;
  if (width) {
    picture.parentNode.style.aspectRatio = width + " / " + height;
    drawCrop(at("crop"), { width, height, crop: model.crop });
  }
  if (view.rows.length !== answer.top_k.length) view.rows = makeBars(at("best"), answer.top_k.length);
  const best = answer.top_k.map(({ label, score }) => ({ label: printable(label), score }));
  view.show({ isUnknown: answer.label !== answer.best, isCertain: true, best });
  write(at("rate"), answer.frames_per_second.toFixed(1));
  write(at("dropped"), answer.dropped.toLocaleString("en"));
  for (const stage of ["resize", "invoke", "total"]) write(at(stage), answer.timings_ms[stage].toFixed(1));
  state("live", "Live", "");
}

function describe(model) {
  const name = printable(model.name), device = printable(model.device), input = model.size + " px, " + model.crop;
  write(at("name"), name);
  write(at("about"), [printable(model.recipe), model.size + " px", model.labels + " labels", device].join(" · "));
  const facts = { name, device, input, recipe: printable(model.recipe), labels: String(model.labels), sha256: model.sha256 };
  for (const [fact, text] of Object.entries(facts)) write(at("model-" + fact), text);
}

function showHistory(history) {
  const shown = JSON.stringify(history);
  if (at("history").dataset.shown === shown) return;
  at("history").dataset.shown = shown;
  at("history").replaceChildren(...history.map((each) => {
    const row = document.createElement("li");
    row.innerHTML = "<time></time><span dir=auto></span><span></span>";
    const [time, label, score] = row.children, isUnknown = each.label !== each.best;
    time.dateTime = each.time;
    time.textContent = new Date(each.time).toLocaleTimeString();
    const best = { label: printable(each.best), score: each.score };
    label.textContent = isUnknown ? UNKNOWN + " (" + asGuess(best) + ")" : best.label;
    score.textContent = isUnknown ? "" : percent(each.score);
    return row;
  }));
}

async function post(path) {
  const response = await fetch(path, { method: "POST", headers: { "X-Tlpipe-Key": document.documentElement.dataset.key } });
  if (response.status === 403) location.reload(); // the camera was started again, and has another key
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

async function adjust(values) {
  wanted = { ...wanted, ...values };
  if (isAdjusting) return;
  isAdjusting = true;
  while (wanted !== null) { // one request at a time, so that the last value is the last to arrive
    const query = new URLSearchParams(wanted);
    wanted = null;
    await post("settings?" + query).then(() => write(at("said"), ""), failed);
  }
  isAdjusting = false;
}

function keep() {
  if (isPaused) return write(at("said"), "Resume first: the device keeps its newest image, not the paused one.");
  const done = ({ kept }) => write(at("said"), "Kept as " + printable(kept));
  post("keep").then(done, failed);
}

function failed(error) {
  write(at("said"), "It did not work: " + printable(error.message));
}

/** End the connection, and hold the image that is shown. */
function freeze() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  const hasImage = canvas.width > 0;
  if (hasImage) canvas.getContext("2d").drawImage(picture, 0, 0);
  disconnect();
  if (hasImage) picture.src = canvas.toDataURL("image/jpeg", QUALITY);
}

function pause() {
  freeze();
  at("snapshot").href = picture.src;
  setPaused(true);
  state("paused", "Paused", "");
}

function resume() {
  setPaused(false);
  connect();
}

function setPaused(paused) {
  isPaused = paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  write(at("pause"), paused ? "Resume" : "Pause");
}

function renew() {
  if (coming !== picture) coming.removeAttribute("src");
  coming = picture.cloneNode();  // replaces the old one when it has loaded, so that nothing flickers
  coming.onload = take;
  coming.onerror = lost;
  coming.src = "stream?" + Date.now();  // a new address each time, or the browser would not request it again
}

function take(event) {
  if (event.target !== coming || coming === picture) return;
  picture.replaceWith(coming);
  picture.removeAttribute("src");
  picture = coming;
}

function disconnect() {
  clearTimeout(timer);
  clearInterval(renewal);
  if (events) events.close();
  events = null;
  for (const image of [picture, coming]) {
    image.onerror = null;
    image.removeAttribute("src");
  }
}

function lost() {
  freeze();
  state("lost", "Connection lost", "No connection to the device. Trying again.");
  timer = setTimeout(connect, RETRY);
}

function connect() {
  disconnect();
  events = new EventSource("events");
  events.onmessage = (message) => {
    clearTimeout(timer);
    timer = setTimeout(lost, SILENCE);
    show(JSON.parse(message.data));
  };
  events.onerror = lost;
  renew();
  renewal = setInterval(renew, RENEWAL);
  timer = setTimeout(lost, SILENCE);
}

at("keep").addEventListener("click", keep);
at("pause").addEventListener("click", () => (isPaused ? resume() : pause()));
document.addEventListener("visibilitychange", () => isPaused || (document.hidden ? disconnect() : connect()));
addEventListener("load", connect);
