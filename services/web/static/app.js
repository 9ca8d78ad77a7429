// Live cells, keyboard and copying. Every page works without this file.
"use strict";

if (navigator.clipboard) document.documentElement.classList.add("can-copy");

// One stream a browser: the tab that holds the lock has it and tells the others.
const SILENT_MS = 35000; // more than two heartbeats
const channel = "BroadcastChannel" in window ? new BroadcastChannel("live") : null;
const latest = new Map(); // what a tab that opens later needs to know: fragments and cells
let silent;

function show(message) {
  const { fragments = {}, cells = {} } = message;
  for (const [name, html] of Object.entries(fragments)) {
    for (const place of document.querySelectorAll(`[data-fragment="${name}"]`)) {
      if (!place.contains(document.activeElement)) place.innerHTML = html;
    }
  }
  for (const [name, [text, tone, reason]] of Object.entries(cells)) {
    for (const cell of document.querySelectorAll(`[data-live="${name}"]`)) {
      if (cell.textContent !== text) cell.textContent = text;
      if (cell.dataset.tone !== tone) cell.dataset.tone = tone;
      if (reason) cell.title = reason; else cell.removeAttribute("title");
    }
  }
  document.documentElement.classList.remove("is-stale");
  clearTimeout(silent);
  silent = setTimeout(lose, SILENT_MS);
}

function lose() {
  document.documentElement.classList.add("is-stale");
  for (const cell of document.querySelectorAll('[data-live="feed"]')) {
    cell.dataset.tone = "stale";
    cell.textContent = "Reconnecting";
  }
}

function remember(message) {
  if (message.snapshot) latest.clear();
  for (const kind of ["fragments", "cells"]) {
    for (const [name, value] of Object.entries(message[kind] || {})) latest.set(`${kind} ${name}`, value);
  }
}

function recall() {
  const message = { fragments: {}, cells: {} };
  for (const [key, value] of latest) {
    const [kind, name] = key.split(" ");
    message[kind][name] = value;
  }
  return message;
}

function lead() {
  const stream = new EventSource("/live");
  const tell = (message) => { show(message); channel?.postMessage({ message }); };
  stream.onmessage = (event) => {
    const message = JSON.parse(event.data);
    remember(message);
    tell(message);
  };
  stream.onerror = () => { lose(); channel?.postMessage({ lost: true }); };
  if (channel) channel.onmessage = (event) => { if (event.data.hello) tell(recall()); };
  return stream;
}

function follow() {
  if (channel && navigator.locks) {
    channel.onmessage = (event) => {
      if (event.data.message) show(event.data.message);
      if (event.data.lost) lose();
    };
    channel.postMessage({ hello: true });
    navigator.locks.request("live", () => new Promise(() => { lead(); }));
    return;
  }
  let stream; // without locks (plain HTTP on another host) only a tab that is looked at has a stream
  const look = () => { stream?.close(); stream = document.hidden ? null : lead(); };
  document.addEventListener("visibilitychange", look);
  look();
}

if (document.querySelector("[data-live]") && "EventSource" in window) follow();

// Keyboard: g, then the first letter of a page; / goes to the filters.
let waiting = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (waiting) {
    waiting = false;
    document.querySelector(`.nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
  } else if (event.key === "g") {
    waiting = true;
    setTimeout(() => { waiting = false; }, 1500);
  } else if (event.key === "/") {
    const field = document.querySelector(".filters select, .filters input");
    if (field) { event.preventDefault(); field.focus(); }
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest(".copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});
