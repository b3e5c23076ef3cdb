import { makeBars, percent, showBars, write } from "./prediction.js";

const SILENCE = 6000;  // ms: three of the server's heartbeats
const LONG = 20;       // characters: a longer label is written smaller, as on the page of `tlpipe web`
const PAUSE = 2000;    // ms between attempts to connect
const RENEWAL = 20000; // ms: browsers do not report the end of a stream of images, so it is requested again

const at = (id) => document.getElementById(id);
let picture = at("picture");
let coming = picture;
const rows = makeBars(at("best"), 5);
let events = null;
let timer = 0;
let renewal = 0;

function state(name, status, notice) {
  document.body.className = name;
  write(at("status"), status);
  write(at("notice"), notice);
}

function show({ outage, answer }) {
  if (outage !== null) return state("out", "No camera", "The camera is out: " + outage);
  if (answer === null) return state("live", "Live", "Waiting for the first frame");
  state("live", "Live", "");
  if (picture.naturalWidth) picture.parentNode.style.aspectRatio = picture.naturalWidth + " / " + picture.naturalHeight;
  write(at("label"), answer.label);
  at("label").classList.toggle("long", answer.label.length > LONG);
  write(at("score"), percent(answer.score));
  showBars(rows, answer.best);
  write(at("rate"), answer.frames_per_second.toFixed(1));
  write(at("dropped"), answer.dropped.toLocaleString("en"));
  for (const stage of ["resize", "invoke", "total"]) write(at(stage), answer.timings_ms[stage].toFixed(1));
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
  disconnect();
  state("lost", "Connection lost", "No connection to the device. Trying again.");
  timer = setTimeout(connect, PAUSE);
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

document.addEventListener("visibilitychange", () => document.hidden ? disconnect() : connect());
addEventListener("load", connect);
