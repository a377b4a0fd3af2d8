// Whoever picks from a list means the choice that the list belongs to: it is made with it.
for (const select of document.querySelectorAll("select[data-picks]")) {
  select.addEventListener("change", () => { select.form.querySelector(`input[type=radio][value="${select.dataset.picks}"]`).checked = true; });
}
