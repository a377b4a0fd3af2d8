// Dragging over a schedule's days or hours opens the form that puts somebody else on call for them. Without this module
// each day is a link to the same form. It also remembers where the reader's clock hangs, for the server to say times by.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `tocsin_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
const shown = () => document.getElementById("zone")?.value ?? "UTC";

async function open(address, from, to, view) {
  const there = new URL(address, location.href);
  there.search = new URLSearchParams({ from, to, zone: shown(), view });
  let dialog = document.getElementById("override-dialog");
  try {
    const answer = await fetch(there, { headers: { "X-Tocsin-Part": "1" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = page.getElementById("override");
    dialog?.remove();
    dialog = document.createElement("dialog");
    dialog.id = "override-dialog";
    dialog.setAttribute("aria-labelledby", "override-title");
    const title = document.createElement("h2");
    title.id = "override-title";
    title.textContent = page.querySelector("h1").textContent;
    form.classList.remove("card", "narrow");
    const cancel = form.querySelector("a.btn");
    cancel.addEventListener("click", (event) => { event.preventDefault(); dialog.close(); });
    dialog.append(title, form);
    document.body.append(dialog);
    dialog.addEventListener("close", () => { clear(); dialog.remove(); });
    dialog.showModal();
    form.querySelector("select")?.focus();
  } catch { location.href = there; }
}

// --- days of a month ------------------------------------------------------------------------------------------------------
let begun = null, last = null, moved = false;
const days = () => [...document.querySelectorAll("[data-calendar] a[data-from]")];
const clear = () => { for (const day of document.querySelectorAll(".picked")) day.classList.remove("picked"); const drawn = document.querySelector(".cal-hours .marked"); drawn?.setAttribute("width", 0); };
function between() {
  const all = days(), at = [all.indexOf(begun), all.indexOf(last)].sort((a, b) => a - b);
  return all.slice(at[0], at[1] + 1);
}
document.addEventListener("pointerdown", (event) => {
  const day = event.target.closest?.("[data-calendar] a[data-from]");
  if (!day || event.button !== 0 || event.pointerType === "touch") return;
  event.preventDefault();
  [begun, last, moved] = [day, day, false];
  day.classList.add("picked");
});
document.addEventListener("pointermove", (event) => {
  if (!begun) return;
  const day = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-calendar] a[data-from]");
  if (!day || day === last) return;
  [last, moved] = [day, true];
  clear();
  for (const one of between()) one.classList.add("picked");
});
document.addEventListener("pointerup", () => {
  if (!begun) return;
  const picked = between(), address = begun.closest("[data-calendar]").dataset.calendar;
  begun = null;
  open(address, picked[0].dataset.from, picked[picked.length - 1].dataset.to, "month");
});
document.addEventListener("pointercancel", () => { begun = null; clear(); });
document.addEventListener("dragstart", (event) => { if (event.target.closest?.("[data-calendar] a")) event.preventDefault(); });
document.addEventListener("click", (event) => {
  const day = event.target.closest?.("[data-calendar] a[data-from]");
  if (!day || event.ctrlKey || event.metaKey || event.button !== 0) return;
  event.preventDefault();
  if (event.detail === 0) open(day.closest("[data-calendar]").dataset.calendar, day.dataset.from, day.dataset.to, "month");
});
// Arrow keys go from day to day, with Shift they pick a stretch; Enter opens it.
document.addEventListener("keydown", (event) => {
  const day = document.activeElement?.closest?.("[data-calendar] a[data-from]");
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
  if (!day) return;
  const all = days(), picked = document.querySelectorAll(".picked");
  if (event.key === "Enter" && picked.length > 1) {
    event.preventDefault();
    open(day.closest("[data-calendar]").dataset.calendar, picked[0].dataset.from, picked[picked.length - 1].dataset.to, "month");
    return;
  }
  const next = step && all[all.indexOf(day) + step];
  if (!next) return;
  event.preventDefault();
  if (event.shiftKey) {
    day.dataset.anchor ??= "";
    const anchor = document.querySelector("[data-anchor]") ?? day;
    const at = [all.indexOf(anchor), all.indexOf(next)].sort((a, b) => a - b);
    clear();
    for (const one of all.slice(at[0], at[1] + 1)) one.classList.add("picked");
  } else {
    clear();
    for (const one of document.querySelectorAll("[data-anchor]")) delete one.dataset.anchor;
  }
  next.focus();
});

// --- hours of a week --------------------------------------------------------------------------------------------------------
function hours() {
  const whole = document.querySelector("[data-hours]"), plot = whole?.querySelector(".cal-hours");
  if (!plot || plot.dataset.ready) return;
  plot.dataset.ready = "1";
  const names = plot.dataset.days.split(" "), pixels = Number(whole.dataset.hourPixels), drawn = plot.querySelector(".marked");
  let from = null;
  const at = (event) => {
    const box = plot.getBoundingClientRect();
    const x = Math.min(6, Math.max(0, Math.floor((event.clientX - box.left) / box.width * 7)));
    const y = Math.min(48, Math.max(0, (event.clientY - box.top) / pixels * 2));
    return { x, y };
  };
  const text = (x, half) => half >= 48
    ? `${new Date(Date.parse(`${names[x]}T00:00Z`) + 86400000).toISOString().slice(0, 10)}T00:00`
    : `${names[x]}T${String(Math.floor(half / 2)).padStart(2, "0")}:${half % 2 ? "30" : "00"}`;
  const range = (to) => [Math.floor(Math.min(from.y, to.y)), Math.ceil(Math.max(from.y, to.y, Math.floor(from.y) + 1))];
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    from = at(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [top, bottom] = range(at(event));
    for (const [name, value] of Object.entries({ x: `${from.x * 100 / 7}%`, width: `${100 / 7}%`, y: top * pixels / 2, height: (bottom - top) * pixels / 2 })) drawn.setAttribute(name, value);
  });
  plot.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [top, bottom] = range(at(event)), x = from.x;
    from = null;
    open(whole.dataset.hours, text(x, top), text(x, bottom), "week");
  });
  plot.addEventListener("pointercancel", () => { from = null; clear(); });
}
hours();
new MutationObserver(hours).observe(document.getElementById("main"), { childList: true, subtree: true });
