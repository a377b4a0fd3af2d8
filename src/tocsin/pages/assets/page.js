// Makes pleasanter what is whole without it: times on the reader's clock, days under a pointer or the arrow keys, and a
// page that brings itself up to date.
const root = document.documentElement;
const rightToLeft = root.dir === "rtl";
const locale = navigator.languages.find((each) => each.split("-")[0] === root.lang) || root.lang;
const refreshed = ["home", "maintenance", "month", "report"].includes(document.body.dataset.kind);
const main = document.getElementById("main");
let pristine = bare(main); // as it was served: what is compared with what is served next

root.classList.add("script");
dress(document);
if (refreshed) {
  keepFresh();
}
const form = document.getElementById("subscribe");
if (form) {
  dressForm();
}

function dress(part) {
  tellTimes(part);
  part.querySelectorAll(".bar").forEach((bar) => dressBar(bar, bar.firstElementChild, dayOf));
  part.querySelectorAll(".plot").forEach((plot) => dressBar(plot, plot.querySelector("svg"), pointOf));
}

// Times ----------------------------------------------------------------------------------------------------------------

function tellTimes(part) {
  let before = "";
  for (const element of part.querySelectorAll("time[datetime]")) {
    const instant = new Date(element.dateTime);
    const day = instant.toDateString();
    const clock = { hour: "numeric", minute: "2-digit" };
    const date = { day: "numeric", month: "short" };
    if (instant.getFullYear() !== new Date().getFullYear()) {
      date.year = "numeric";
    }
    const alone = element.dataset.as === "clock" && (day === before || element.closest("table"));
    element.textContent = instant.toLocaleString(locale, alone ? clock : { ...date, ...clock });
    if (element.dataset.as === "ago") {
      const words = ago(instant);
      element.textContent += words ? ` (${words})` : "";
    }
    before = day;
  }
}

function ago(instant) {
  const minutes = Math.round((instant - Date.now()) / 60000);
  const words = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  if (minutes > 0 || minutes <= -60 * 24) {
    return "";
  }
  if (minutes === 0) {
    return words.format(0, "second");
  }
  return minutes > -60 ? words.format(minutes, "minute") : words.format(Math.round(minutes / 60), "hour");
}

// Bars and charts --------------------------------------------------------------------------------------------------------

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("aria-hidden", "true"); // the bar itself says the same to whoever does not see it
document.body.append(tip);
let leaving = 0;
tip.addEventListener("pointerenter", () => clearTimeout(leaving));
tip.addEventListener("pointerleave", () => hideTip());

function dressBar(bar, svg, tell) {
  const count = Number(bar.dataset.count);
  const mark = document.createElement("i");
  mark.className = "mark";
  mark.hidden = true;
  bar.append(mark);
  svg.setAttribute("aria-hidden", "true");
  const told = { role: "slider", tabindex: "0", "aria-label": bar.dataset.label, "aria-valuemin": 1, "aria-valuemax": count };
  Object.entries(told).forEach(([name, value]) => bar.setAttribute(name, value));
  let place = count - 1;
  // On a narrow screen the earlier days lie outside the bar.
  const first = () => Math.max(0, Math.round(count - (count * bar.clientWidth) / svg.getBoundingClientRect().width));
  const put = (wanted, show) => {
    place = Math.min(count - 1, Math.max(first(), wanted));
    const said = tell(bar, place);
    bar.setAttribute("aria-valuenow", place + 1);
    bar.setAttribute("aria-valuetext", said.map((each) => each.text).filter(Boolean).join(", "));
    if (show) {
      const box = svg.getBoundingClientRect();
      const width = box.width / count;
      const left = box.left + (rightToLeft ? count - 1 - place : place) * width;
      mark.style.left = `${left - bar.getBoundingClientRect().left}px`;
      mark.style.width = `${Math.max(width, 3)}px`;
      mark.hidden = false;
      showTip(bar, left + width / 2, said, mark);
    }
  };
  const under = (event) => {
    const box = svg.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    return Math.floor((rightToLeft ? 1 - part : part) * count);
  };
  bar.addEventListener("pointermove", (event) => put(under(event), true));
  bar.addEventListener("pointerdown", (event) => put(under(event), true));
  bar.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") { // what a finger has asked for stays until it asks for something else
      leaving = setTimeout(hideTip, 200);
    }
  });
  bar.addEventListener("focus", () => bar.matches(":focus-visible") && put(place, true));
  bar.addEventListener("blur", () => hideTip());
  bar.addEventListener("keydown", (event) => {
    const forward = rightToLeft ? -1 : 1;
    const steps = { ArrowRight: forward, ArrowLeft: -forward, ArrowUp: 1, ArrowDown: -1, PageUp: 7, PageDown: -7, Home: -count, End: count };
    if (event.key in steps && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      put(place + steps[event.key], true);
    } else if (event.key === "Enter" && bar.nextElementSibling instanceof HTMLDetailsElement) {
      bar.nextElementSibling.open = !bar.nextElementSibling.open;
    }
  });
  put(place, false);
}

function dayOf(bar, place) {
  const rows = bar.parentElement.querySelectorAll("tbody tr");
  const row = [...rows].find((each) => {
    const [from, to] = each.dataset.at.split("-").map(Number);
    return place >= from && place <= (to ?? from);
  });
  const state = row ? row.dataset.state : "operational";
  const [, , lasted, reports] = row ? row.cells : [];
  return [
    { text: bar.dataset.step ? slot(bar, place) : date(bar, place) },
    { text: row ? row.cells[1].textContent : document.body.dataset.operational, state, more: lasted ? lasted.textContent : "" },
    { text: lasted ? lasted.textContent : "", silent: true },
    ...(reports ? [...reports.children].map((each) => ({ text: each.textContent })) : []),
  ];
}

function pointOf(plot, place) {
  const value = plot.dataset.values.split(",")[place];
  const shown = value >= 1000 ? `${(value / 1000).toLocaleString(locale, { maximumFractionDigits: 2 })} s` : `${value} ms`;
  return [{ text: slot(plot, place) }, { text: value ? shown : "–" }];
}

function date(bar, place) {
  const day = new Date(`${bar.dataset.from}T12:00:00Z`);
  day.setUTCDate(day.getUTCDate() + place);
  return day.toLocaleDateString(locale, { weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
}

function slot(bar, place) {
  const step = bar.dataset.step * 1000;
  const start = new Date(bar.dataset.from).getTime() + place * step;
  const clock = { weekday: "short", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale, clock).formatRange(start, start + step);
}

function showTip(bar, middle, said, mark) {
  clearTimeout(leaving);
  hideTip();
  tip.replaceChildren(...said.filter((each) => each.text && !each.silent).map((each) => {
    const line = document.createElement("p");
    line.textContent = each.more ? `${each.text} · ${each.more}` : each.text;
    if (each.state) {
      line.className = "tip-state";
      line.prepend(icon(each.state));
    }
    return line;
  }));
  mark.hidden = false;
  tip.hidden = false;
  tip.mark = mark;
  const box = bar.getBoundingClientRect();
  const left = Math.min(Math.max(8, middle - tip.offsetWidth / 2), root.clientWidth - tip.offsetWidth - 8);
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${(above > 4 ? above : box.bottom + 6) + scrollY}px`;
}

function hideTip() {
  tip.hidden = true;
  if (tip.mark) {
    tip.mark.hidden = true;
  }
}

function icon(state) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  found.setAttribute("class", `icon ${state}`);
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${state}`);
  found.append(use);
  return found;
}

document.addEventListener("keydown", (event) => event.key === "Escape" && hideTip());
document.addEventListener("pointerdown", (event) => event.target.closest(".bar, .plot, .tip") || hideTip());

// Keeping fresh ----------------------------------------------------------------------------------------------------------

function keepFresh() {
  const seconds = { shown: 30, hidden: 300, most: 600 };
  let tag = "";
  let failures = 0;
  let last = Date.now();
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    const pause = document.hidden ? seconds.hidden : seconds.shown;
    timer = setTimeout(look, Math.min(pause * 2 ** failures, seconds.most) * 1000);
  };
  const look = async () => {
    last = Date.now();
    try {
      const answer = await fetch(location.href, { cache: "no-cache", signal: AbortSignal.timeout?.(15000) });
      if (answer.status === 401 || answer.status === 403) {
        location.reload(); // it is for fewer people now
        return;
      }
      if (!answer.ok) {
        throw new Error(String(answer.status));
      }
      if (!tag || answer.headers.get("etag") !== tag) {
        swap(await answer.text());
        tag = answer.headers.get("etag") || "";
      }
      failures = 0;
      sayOffline(false);
    } catch {
      failures = Math.min(failures + 1, 6);
      sayOffline(true);
    }
    tellTimes(document); // how long ago it was grows while nothing comes
    later();
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - last > seconds.shown * 1000) {
      look();
    } else {
      later();
    }
  });
  addEventListener("online", look);
  later();
}

function sayOffline(offline) {
  const said = document.getElementById("offline");
  if (offline === said.hidden) {
    said.hidden = !offline;
    const since = document.querySelector("#updated time");
    said.textContent = offline ? said.dataset.words.replace("{time}", since.textContent) : "";
  }
}

function swap(html) {
  // Without its style: that carries another nonce than this page's policy knows, and is the same.
  const fresh = new DOMParser().parseFromString(html.replace(/<style[^]*?<\/style>/, ""), "text/html");
  const next = fresh.getElementById("main");
  if (!next || fresh.body.dataset.kind !== document.body.dataset.kind) {
    return;
  }
  document.getElementById("updated").innerHTML = fresh.getElementById("updated").innerHTML;
  if (bare(next) === pristine) {
    return;
  }
  pristine = bare(next);
  const before = gist(main);
  const focused = main.contains(document.activeElement) ? key(document.activeElement) : "";
  const opened = new Map([...main.querySelectorAll("details")].map((each) => [key(each), each.open]));
  const anchor = [...main.querySelectorAll("[id]")].find((each) => each.getBoundingClientRect().bottom > 0);
  const top = anchor && anchor.getBoundingClientRect().top;
  hideTip();
  main.replaceChildren(...next.childNodes);
  for (const each of main.querySelectorAll("details")) {
    each.open = opened.get(key(each)) ?? each.open;
  }
  dress(main);
  if (focused) {
    [...main.querySelectorAll("*")].find((each) => each.tabIndex >= 0 && key(each) === focused)?.focus({ preventScroll: true });
  }
  const standing = anchor && scrollY > 0 && document.getElementById(anchor.id);
  if (standing) {
    scrollBy(0, standing.getBoundingClientRect().top - top);
  }
  document.title = fresh.title;
  document.querySelector("link[rel=icon]").href = fresh.querySelector("link[rel=icon]").getAttribute("href");
  if (gist(main) !== before) {
    const news = document.getElementById("news");
    news.textContent = news.dataset.words.replace("{state}", main.querySelector("h1").textContent);
  }
}

// All that is shown but the time at which it was put together.
function bare(part) {
  return part.innerHTML.replace(/<p class="updated"[^]*?<\/p>/, "");
}

// What is worth being read out when it changes.
function gist(part) {
  return [...part.querySelectorAll("h1, .lively .incident-title, .lively .update-head b")].map((each) => each.textContent).join("|");
}

// The same place before and after: by the nearest id, and the how-manieth of its kind below it.
function key(element) {
  const home = element.closest("[id]");
  return `${home.id} ${element.tagName} ${[...home.querySelectorAll(element.tagName)].indexOf(element)}`;
}

// Subscribing --------------------------------------------------------------------------------------------------------------

function dressForm() {
  const chosen = () => form.elements.kind.value;
  const show = () => form.querySelectorAll("[data-for]").forEach((each) => {
    each.hidden = !each.dataset.for.split(" ").includes(chosen());
  });
  form.addEventListener("change", show);
  form.addEventListener("submit", (event) => {
    if (chosen() === "push") {
      event.preventDefault();
      subscribeHere();
    }
  });
  show();
}

async function subscribeHere() {
  const words = form.dataset;
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    return say(words.impossible);
  }
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    if (await Notification.requestPermission() !== "granted") {
      return say(words.blocked);
    }
    const registration = await navigator.serviceWorker.register(words.worker, { scope: words.scope });
    await active(registration);
    const key = Uint8Array.from(atob(words.pushKey.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
    const fields = new URLSearchParams(new FormData(form));
    fields.set("address", JSON.stringify(subscription));
    const answer = await fetch(form.action, { method: "POST", body: fields, headers: { accept: "application/json" } });
    if (!answer.ok) {
      throw new Error(String(answer.status));
    }
    say(words.done, true);
  } catch {
    say(words.failed);
  } finally {
    button.disabled = false;
  }
}

function active(registration) {
  const worker = registration.installing || registration.waiting;
  return registration.active ? null : new Promise((done) => {
    worker.addEventListener("statechange", () => worker.state === "activated" && done());
  });
}

function say(words, good = false) {
  const said = document.getElementById("said");
  said.textContent = words;
  said.classList.toggle("good", good);
  said.classList.toggle("bad", !good);
  said.hidden = false;
}
