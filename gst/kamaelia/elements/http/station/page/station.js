// The page of a station: plays its stream, and shows each title when its sound is heard.
"use strict";

const byId = (id) => document.getElementById(id);
const station = document.querySelector(".station");
const state = {
  mount: document.body.dataset.mount,
  session: "",
  player: null,       // the <audio> or <video> that sounds
  events: null,
  news: null,         // what the server said last
  arrivedAt: 0,       // and when
  shown: null,        // the title on the page
  retry: 0,
};

const wish = {        // what a listener likes, kept from visit to visit where that is allowed
  load() {
    try { return Number(localStorage.getItem("volume") ?? 80); } catch { return 80; }
  },
  save(volume) {
    try { localStorage.setItem("volume", String(volume)); } catch { /* a private window */ }
  },
};

const newSession = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(16).padStart(2, "0"))
    .join("");

const stream = () => state.news?.streams.find((one) => one.mount === state.mount);

function text(id, value) {
  const element = byId(id);
  if (element.textContent !== value) element.textContent = value;
  return element;
}

function fact(id, value) {
  text(id, value).hidden = value === "";
}

// --- what the server tells ---------------------------------------------------

function listenForNews() {
  state.events?.close();
  const query = new URLSearchParams({ mount: state.mount, sid: state.session });
  state.events = new EventSource(`events?${query}`);
  state.events.addEventListener("station", (event) => {
    state.news = JSON.parse(event.data);
    state.arrivedAt = performance.now();
    showStation();
    showTitle();
  });
}

function showStation() {
  const one = stream();
  const all = state.news.streams;
  station.classList.toggle("with-video", one?.video ?? false);
  showStreams(all);
  if (!one) {
    text("state", "Off air");
    return;
  }
  text("state", one.type ? "Live" : "Off air");
  text("name", one.name);
  text("description", one.description);
  fact("listeners", one.listeners === 1 ? "1 listener" : `${one.listeners} listeners`);
  fact("bitrate", one.bitrate > 0 ? `${Math.round(one.bitrate / 1000)} kbit/s` : "");
  fact("genre", one.genre);
  const address = encodeURI(one.mount);
  for (const kind of ["m3u", "pls", "xspf"]) byId(kind).href = `${address}.${kind}`;
  byId("direct").href = address;
  const website = byId("website");
  website.hidden = !/^https?:/.test(one.url);
  if (!website.hidden) website.href = one.url;
}

function showStreams(all) {
  const nav = byId("streams");
  nav.hidden = all.length < 2;
  const names = JSON.stringify(all.map((one) => [one.mount, one.name]));
  if (nav.dataset.names !== names) {
    nav.dataset.names = names;
    nav.replaceChildren(...all.map((one) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = one.name;
      button.dataset.mount = one.mount;
      button.addEventListener("click", () => choose(one.mount));
      return button;
    }));
  }
  for (const button of nav.children)
    button.setAttribute("aria-pressed", String(button.dataset.mount === state.mount));
}

function choose(mount) {
  const wasPlaying = state.player !== null;
  stop();
  state.mount = mount;
  state.session = newSession();
  listenForNews();
  if (wasPlaying) play();
}

// --- titles ------------------------------------------------------------------

// Seconds since the first sound that this listener was sent.
function heard() {
  const { player } = state;
  if (!player || player.readyState < 2) return null;
  const start = player.buffered.length > 0 ? player.buffered.start(0) : 0;
  return player.currentTime - (start > 1 ? start : 0);
}

function showTitle() {
  if (!state.news) return;
  const { titles } = state.news;
  // Who does not listen sees what is live.
  const since = (performance.now() - state.arrivedAt) / 1000;
  const position = state.news.heard ? heard() : since;
  let current = -1;
  titles.forEach((one, i) => {
    if (position !== null && one.at <= position + 0.05) current = i;
  });
  if (current < 0 && titles.length > 0) current = 0;
  const title = current < 0 ? "" : titles[current].title;
  const dash = title.indexOf(" - ");
  const name = stream()?.name ?? "";
  if (state.shown === `${current}/${title}/${titles.length}`) return;
  state.shown = `${current}/${title}/${titles.length}`;
  text("title", (dash > 0 ? title.slice(dash + 3) : title) || name);
  text("artist", dash > 0 ? title.slice(0, dash) : "");
  document.title = title ? `${title} · ${name}` : name;
  showHistory(titles.slice(Math.max(0, current - 8), Math.max(0, current)), position ?? 0);
  if (!("mediaSession" in navigator) || !state.player) return;
  navigator.mediaSession.metadata = new MediaMetadata({
    title: byId("title").textContent, artist: byId("artist").textContent, album: name,
  });
}

function showHistory(before, position) {
  byId("before").hidden = before.length === 0;
  byId("history").replaceChildren(...before.reverse().map((one) => {
    const item = document.createElement("li");
    const began = new Date(Date.now() + (one.at - position) * 1000);
    const time = document.createElement("time");
    time.dateTime = began.toISOString();
    time.textContent = began.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const name = document.createElement("span");
    name.textContent = one.title || "—";
    item.append(time, name);
    return item;
  }));
}

// --- playing -----------------------------------------------------------------

function show(what, message = "") {
  station.dataset.state = what;
  byId("play").setAttribute("aria-label", what === "off" ? "Play" : "Stop");
  text("message", message).hidden = message === "";
}

function play() {
  stop();
  show("tuning");
  const video = stream()?.video ?? false;
  const player = document.createElement(video ? "video" : "audio");
  player.playsInline = true;
  player.volume = byId("volume").value / 100;
  player.muted = byId("mute").getAttribute("aria-pressed") === "true";
  player.addEventListener("playing", () => { state.retry = 0; show("on"); });
  player.addEventListener("waiting", () => show("tuning"));
  for (const trouble of ["error", "ended"])
    player.addEventListener(trouble, () => { if (state.player === player) tryAgain(); });
  player.src = `${encodeURI(state.mount)}?sid=${state.session}`;
  if (video) byId("stage").append(player);
  state.player = player;
  player.play().catch((failure) => {
    if (state.player !== player || failure.name === "AbortError") return;
    if (failure.name === "NotAllowedError") { stop(); return; }
    tryAgain();
  });
}

function stop() {
  const { player } = state;
  state.player = null;
  clearTimeout(state.timer);
  if (player) {
    // Without this a browser goes on receiving.
    player.removeAttribute("src");
    player.load();
    player.remove();
  }
  show("off");
  state.shown = null;
  showTitle();
}

function tryAgain() {
  stop();
  const delay = Math.min(1000 * 2 ** state.retry, 15000);
  state.retry += 1;
  show("tuning", "The stream is away. Trying again…");
  state.timer = setTimeout(play, delay);
}

function toggle() {
  if (station.dataset.state === "off") play();
  else { state.retry = 0; stop(); }
}

function setVolume(volume) {
  byId("volume").value = String(volume);
  if (state.player) state.player.volume = byId("volume").value / 100;
  wish.save(byId("volume").value);
}

function toggleMute() {
  const muted = byId("mute").getAttribute("aria-pressed") !== "true";
  byId("mute").setAttribute("aria-pressed", String(muted));
  if (state.player) state.player.muted = muted;
}

byId("play").addEventListener("click", toggle);
byId("mute").addEventListener("click", toggleMute);
byId("volume").addEventListener("input", (event) => setVolume(event.target.value));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { target, key } = event;
  if (key === " " && !target.closest("button, a, input")) toggle();
  else if (key === "m" || key === "M") toggleMute();
  else if (key === "ArrowUp" && target.type !== "range") setVolume(+byId("volume").value + 5);
  else if (key === "ArrowDown" && target.type !== "range") setVolume(+byId("volume").value - 5);
  else return;
  event.preventDefault();
});
if ("mediaSession" in navigator) {
  navigator.mediaSession.setActionHandler("play", play);
  navigator.mediaSession.setActionHandler("pause", stop);
  navigator.mediaSession.setActionHandler("stop", stop);
}

byId("volume").value = String(wish.load());
state.session = newSession();
listenForNews();
setInterval(showTitle, 150);
