// "Test now" without leaving the form: what was typed stays, and the result appears below it.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-try]");
  if (!button || !button.form.reportValidity()) return;
  event.preventDefault();
  const place = document.getElementById(button.dataset.try), words = button.textContent;
  const sent = new URLSearchParams(new FormData(button.form));
  sent.set("deed", "test");
  button.disabled = true;
  button.textContent = "Testing…";
  place.innerHTML = '<div class="card"><div class="card-body"><p class="waiting">The check runs now.</p></div></div>';
  try {
    const answer = await fetch(button.form.action, { method: "POST", body: sent, headers: { "X-Tocsin-Part": "1" } });
    if (answer.status === 401) location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(place.id), wrong = page.querySelector(".note.bad, .empty");
    place.replaceChildren(...(fresh?.querySelector(".card") ? fresh.childNodes : wrong ? [wrong] : []));
    document.dispatchEvent(new CustomEvent("tocsin:part", { detail: place }));
  } catch { place.textContent = "The test could not be sent. Try again."; }
  button.disabled = false;
  button.textContent = words;
  place.scrollIntoView({ block: "nearest" });
});
