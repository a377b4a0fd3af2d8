// Status pages: a preview beside the form that follows what is typed, how many will be told, and lines that are dragged.
const every = (selector, root = document) => root.querySelectorAll(selector);

function later(work, milliseconds) {
  let waiting = 0;
  return () => { clearTimeout(waiting); waiting = setTimeout(work, milliseconds); };
}

// --- the preview: each new state is loaded into a frame behind the one that is shown, and takes its place ----------------
function show(form) {
  const old = document.querySelector("iframe[data-preview]");
  const fresh = old.cloneNode();
  fresh.removeAttribute("src");
  fresh.removeAttribute("loading");
  fresh.classList.add("waits");
  fresh.name = `preview-${Math.random().toString(36).slice(2)}`;
  for (const one of every("iframe.waits")) one.remove();
  old.after(fresh);
  const sent = document.createElement("form");
  sent.method = "post";
  sent.action = form.dataset.previewed;
  sent.target = fresh.name;
  sent.hidden = true;
  const language = document.querySelector("[data-language]");
  for (const [name, value] of [...new FormData(form), ...(language ? [["language", language.value]] : [])]) {
    const field = document.createElement("textarea");
    field.name = name;
    field.value = value;
    sent.append(field);
  }
  document.body.append(sent);
  fresh.addEventListener("load", () => {
    fresh.classList.remove("waits");
    fresh.name = "preview";
    old.remove();
  });
  sent.submit();
  sent.remove();
}

async function tell(form) {
  const body = new URLSearchParams(new FormData(form));
  body.set("deed", "look");
  if (![...form.querySelectorAll("[required]")].every((field) => field.value.trim())) return;
  const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Tocsin-Part": "1" } });
  if (!answer.ok && answer.status !== 422) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(form.dataset.told), old = document.getElementById(form.dataset.told);
  if (fresh && old && fresh.innerHTML !== old.innerHTML) old.innerHTML = fresh.innerHTML;
}

for (const form of every("form[data-previewed]")) {
  const follow = later(() => show(form), 450), count = form.dataset.told ? later(() => tell(form).catch(() => {}), 700) : () => {};
  const changed = () => { follow(); count(); };
  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  document.querySelector("[data-language]")?.addEventListener("change", follow);
  for (const button of every("[data-try], [data-look]", form)) button.hidden = true;
  if (form.dataset.told && form.elements.message?.value) changed();
}

// --- a new page: the reader's zone, and an address made of the name ---------------------------------------------------------
const made = document.querySelector("form[data-new-page]");
if (made) {
  const zone = made.elements.timezone, name = made.elements.company_name, address = made.elements.subdomain;
  if (zone.value === "UTC") zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  let own = address.value !== "";
  address.addEventListener("input", () => { own = address.value !== ""; });
  name.addEventListener("input", () => {
    if (own) return;
    address.value = name.value.normalize("NFKD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 63);
  });
}

// --- lines are dragged to another place; the buttons do the same --------------------------------------------------------------
const order = document.querySelector("[data-order]");
if (order) {
  let dragged = null, home = null;
  for (const row of every("li[data-id]", order)) {
    if (!row.dataset.id || !row.querySelector("form")) continue;
    row.draggable = true;
    row.addEventListener("dragstart", (event) => { dragged = row; home = [row.parentElement, row.nextElementSibling]; row.classList.add("dragged"); event.dataTransfer.effectAllowed = "move"; event.dataTransfer.setData("text/plain", row.dataset.id); });
    row.addEventListener("dragend", () => { row.classList.remove("dragged"); if (dragged) home[0].insertBefore(row, home[1]); dragged = null; });
  }
  for (const list of every("ul[data-section]", order)) {
    list.addEventListener("dragover", (event) => {
      if (!dragged) return;
      event.preventDefault();
      const below = [...list.children].find((row) => row !== dragged && event.clientY < row.getBoundingClientRect().top + row.offsetHeight / 2);
      if (below) below.before(dragged); else list.append(dragged);
    });
    list.addEventListener("drop", (event) => {
      if (!dragged) return;
      event.preventDefault();
      const sent = document.createElement("form");
      sent.method = "post";
      sent.action = `${order.dataset.order}/resources/${dragged.dataset.id}/move`;
      let next = dragged.nextElementSibling;
      while (next && !next.dataset.id) next = next.nextElementSibling;
      for (const [name, value] of [["csrf", order.dataset.csrf], ["section", list.dataset.section], ["before", next?.dataset.id ?? ""]]) {
        const field = document.createElement("input");
        field.type = "hidden"; field.name = name; field.value = value;
        sent.append(field);
      }
      document.body.append(sent);
      dragged = null;
      sent.submit();
    });
  }
}
