// What makes the console quicker where JavaScript runs: everything here is also done, more slowly, without it.
const every = (selector, root = document) => root.querySelectorAll(selector);

// --- times: in the reader's zone, how long ago, the absolute on hover --------------------------------------------------
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const steps = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [2592000, "day", 86400], [31536000, "month", 2592000], [Infinity, "year", 31536000]];
function ago(instant) {
  const seconds = (instant - Date.now()) / 1000;
  const [, unit, size] = steps.find(([limit]) => Math.abs(seconds) < limit);
  return relative.format(Math.trunc(seconds / size), unit);
}
function lasting(from, to) {
  let seconds = Math.max(0, Math.round((to - from) / 1000));
  const days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  return `${seconds} s`;
}
function tellTimes(root = document) {
  for (const element of every("time[datetime]", root)) {
    const instant = new Date(element.dateTime);
    if (Number.isNaN(instant.getTime())) continue;
    const absolute = instant.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    element.title = absolute;
    const form = element.dataset.as;
    if (form === "since") element.textContent = lasting(instant, element.dataset.to ? new Date(element.dataset.to) : new Date());
    else if (form === "day") element.textContent = instant.toLocaleDateString(undefined, { dateStyle: "medium" });
    else if (form === "clock") element.textContent = instant.toLocaleTimeString(undefined, { timeStyle: "short" });
    else if (form === "tick") element.textContent = instant.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    else if (form === "whole") element.textContent = absolute;
    else element.textContent = ago(instant);
  }
}

// --- parts of a page that are drawn anew: <… id data-live="incident monitor"> when such a thing changes -----------------
async function fetchPage(address, signal) {
  const answer = await fetch(address, { headers: { "X-Tocsin-Part": "1" }, signal });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
function putInto(page, selector) {
  for (const old of every(selector)) {
    if (selector.startsWith("[data-") && old.querySelector("[data-row] input:checked, details[open]")) continue; // somebody is at work in it
    const fresh = old.id && page.getElementById(old.id);
    if (!fresh || fresh.innerHTML === old.innerHTML) continue;
    if (old.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
    if (selector === "[data-live]" && old.querySelector("[data-row] input:checked")) continue; // what was ticked stays ticked
    const focused = document.activeElement?.id;
    old.replaceWith(fresh);
    prepare(fresh);
    if (focused) document.getElementById(focused)?.focus();
  }
}
let asked = 0;
function refreshSoon(kinds) {
  const wanted = [...every("[data-live]")].some((part) => part.dataset.live === "*" || part.dataset.live.split(" ").some((kind) => kinds.includes(kind)));
  if (!wanted || asked) return;
  asked = setTimeout(async () => {
    asked = 0;
    try { putInto(await fetchPage(location.href), "[data-live]"); } catch { /* the next change asks again */ }
  }, 150 + Math.random() * 350);
}
if (document.body.dataset.liveFrom && document.querySelector("[data-live]")) {
  // A browser has six lines to us for all of its tabs (HTTP/1.1): one that nobody looks at holds none, and catches up after.
  let stream = null, behind = false;
  const listen = () => {
    stream = new EventSource(document.body.dataset.liveFrom);
    stream.addEventListener("changed", (event) => refreshSoon(event.data.split(" ")));
    stream.addEventListener("error", () => { behind = true; });
    stream.addEventListener("open", () => { if (behind) refreshSoon([...every("[data-live]")].flatMap((part) => part.dataset.live.split(" "))); behind = false; });
  };
  document.addEventListener("visibilitychange", () => {
    stream?.close();
    behind = true;
    if (!document.hidden) listen();
  });
  if (!document.hidden) listen();
  else behind = true;
}

// What is about to change without anybody telling, e.g. a first check: <… id data-soon> is looked at every other second.
setInterval(async () => {
  if (document.hidden || !document.querySelector("[data-soon]")) return;
  try { putInto(await fetchPage(location.href), "[data-soon]"); } catch { /* next time */ }
}, 2_000);
// What nobody tells of, e.g. one more call of a job that is well: <… id data-every> is drawn anew twice a minute.
if (document.querySelector("[data-every]")) setInterval(async () => {
  if (document.hidden) return;
  try { putInto(await fetchPage(location.href), "[data-every]"); } catch { /* next time */ }
}, 30_000);

// --- search as you type, filters: <form data-into="id"> puts that part of the answer into this page --------------------
function searching(form) {
  for (const button of every(".no-js", form)) button.hidden = true;
  let waiting = 0, under = null;
  for (const button of every(".no-js", form)) button.hidden = true;
  const go = async () => {
    const address = new URL(form.action || location.href);
    address.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== "")).toString();
    under?.abort();
    under = new AbortController();
    try {
      putInto(await fetchPage(address, under.signal), `#${form.dataset.into}`);
      history.replaceState(null, "", address);
    } catch (error) { if (error.name !== "AbortError") form.submit(); }
  };
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(go, 120); });
  form.addEventListener("submit", (event) => { event.preventDefault(); clearTimeout(waiting); go(); });
  for (const button of every(".no-js", form)) button.hidden = true;
}

// --- small things ---------------------------------------------------------------------------------------------------------
function prepare(root) {
  tellTimes(root);
  if (root !== document) document.dispatchEvent(new CustomEvent("tocsin:part", { detail: root }));
  for (const form of every("form[data-into]", root)) searching(form);
  for (const select of every("select[data-submit]", root)) {
    select.addEventListener("change", () => select.form.submit());
    for (const button of every(".no-js", select.form)) button.hidden = true;
  }
  for (const button of every("[data-copy]", root)) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const words = button.textContent;
      await navigator.clipboard.writeText((button.dataset.copy || button.parentElement.querySelector("code, input")?.value) ?? button.parentElement.querySelector("code").textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }
  for (const box of every("[data-all]", root)) {
    box.addEventListener("change", () => { for (const one of every(`input[name="${box.dataset.all}"]`)) { one.checked = box.checked; one.dispatchEvent(new Event("change", { bubbles: true })); } });
  }
}
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.ask ?? event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});
document.addEventListener("toggle", (event) => {
  if (event.target.matches?.("details.menu") && event.target.open) for (const other of every("details.menu[open]")) if (other !== event.target) other.open = false;
}, true);
document.addEventListener("click", (event) => { for (const menu of every("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false; });

// --- keyboard: j and k through rows, Enter opens, x ticks, / searches, g + letter goes, ? tells ---------------------------
const goals = { h: "/", i: "/incidents", m: "/monitors", b: "/heartbeats", o: "/on-call", p: "/policies", s: "/status-pages", n: "/integrations", w: "/webhooks", a: "/agents", t: "/team" };
let going = false;
function move(by) {
  const rows = [...every("[data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains("chosen"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  rows[at]?.classList.remove("chosen");
  next.classList.add("chosen");
  next.scrollIntoView({ block: "nearest" });
  next.querySelector("a[data-open], a.title, a")?.focus({ preventScroll: true });
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input:not([type=checkbox]), textarea, select, [contenteditable]")) { if (event.key === "Escape") event.target.blur(); return; }
  if (going) { going = false; if (goals[event.key]) { event.preventDefault(); location.href = goals[event.key]; } return; }
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1200); }
  else if (event.key === "x") document.querySelector("[data-row].chosen input[type=checkbox]")?.click();
  else if (event.key === "/") { const search = document.querySelector("input[type=search]"); if (search) { event.preventDefault(); search.focus(); search.select(); } }
  else if (event.key === "?") help();
  else if (event.key === "Escape") for (const menu of every("details.menu[open]")) menu.open = false;
});
function help() {
  let dialog = document.getElementById("keys");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.id = "keys";
    dialog.setAttribute("aria-label", "Keyboard");
    const rows = [["j k", "down and up through a list"], ["Enter", "open"], ["x", "tick"], ["/", "search"], ["g h", "home"], ["g i", "incidents"], ["g m", "monitors"], ["g o", "on-call"], ["g s", "status pages"], ["?", "this help"]];
    const list = document.createElement("dl");
    list.className = "facts";
    for (const [keys, words] of rows) {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      dt.append(...keys.split(" ").flatMap((key) => { const kbd = document.createElement("kbd"); kbd.textContent = key; return [kbd, " "]; }));
      dd.textContent = words;
      list.append(dt, dd);
    }
    const title = document.createElement("h2"), close = document.createElement("form"), button = document.createElement("button");
    title.textContent = "Keyboard";
    close.method = "dialog";
    button.className = "btn";
    button.textContent = "Close";
    close.append(button);
    dialog.append(title, list, close);
    document.body.append(dialog);
  }
  dialog.showModal();
}
prepare(document);
setInterval(tellTimes, 10_000);
