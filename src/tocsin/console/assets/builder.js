// Forms that are built step by step: their buttons are pressed without leaving the page, and what comes of them is drawn
// while somebody types. <form data-builder="id" data-preview="id">: the first part is drawn anew by buttons named `do`, the
// second by every change. Without this module the same buttons send the whole form, and the page comes back.
for (const form of document.querySelectorAll("form[data-builder]")) {
  let waiting = 0, under = null;
  const parts = form.dataset.preview ? [form.dataset.preview] : [];
  for (const button of form.querySelectorAll(".no-js")) button.hidden = true;

  async function drawn(what, ids) {
    const sent = new URLSearchParams([...new FormData(form)]);
    sent.set("do", what);
    under?.abort();
    under = new AbortController();
    const answer = await fetch(form.action, { method: "POST", body: sent, headers: { "X-Tocsin-Part": "1" }, signal: under.signal });
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ids) {
      const old = document.getElementById(id), fresh = page.getElementById(id);
      if (old && fresh && old.innerHTML !== fresh.innerHTML) old.replaceWith(fresh);
    }
    for (const button of form.querySelectorAll(".no-js")) button.hidden = true;
  }
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => drawn("preview", parts).catch(() => {}), 250);
  };
  form.addEventListener("input", (event) => {
    if (event.target.matches("input, textarea")) soon();
  });
  // A choice may bring other fields with it: then the whole form is drawn anew.
  form.addEventListener("change", async (event) => {
    if (!event.target.matches("select")) return;
    const id = event.target.id;
    clearTimeout(waiting);
    try { await drawn("preview", [form.dataset.builder, ...parts]); document.getElementById(id)?.focus(); } catch { /* the next change asks again */ }
  });
  form.addEventListener("submit", async (event) => {
    const what = event.submitter?.name === "do" ? event.submitter.value : "save";
    if (what === "save") return;
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(waiting);
    try {
      await drawn(what, [form.dataset.builder, ...parts]);
      after(what)?.focus();
    } catch (error) {
      if (error.name === "AbortError") return;
      const again = document.createElement("input");
      Object.assign(again, { type: "hidden", name: "do", value: what });
      form.append(again);
      form.submit();
    }
  });

  // Where a keyboard goes on after a button: to what was added, or to where it has moved.
  function after(what) {
    const [verb, ...rest] = what.split("-"), at = rest.map(Number);
    const steps = form.querySelectorAll(".step");
    if (verb === "add") return steps[steps.length - 1]?.querySelector("select");
    if (verb === "up") return steps[at[0] - 1]?.querySelector("[value^=up-]:enabled, [value^=down-]");
    if (verb === "down") return steps[at[0] + 1]?.querySelector("[value^=down-]:enabled, [value^=up-]");
    if (verb === "copy") return steps[at[0] + 1];
    if (verb === "remove") return steps[Math.min(at[0], steps.length - 1)] ?? form.querySelector(".adds button");
    const lists = form.querySelectorAll(verb === "member" ? `#step-${rest[1]} .members select` : verb === "user" ? ".turns select" : ".window input");
    return rest[0] === "add" ? lists[lists.length - 1] : form.querySelector(`[value="${what}"]`) ?? lists[lists.length - 1];
  }
}
