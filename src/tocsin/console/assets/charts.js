// Reads charts and bars: what is under the pointer, or where the arrow keys have gone, is said below the drawing.
function reading(figure, count, tell) {
  const plot = figure.querySelector("[data-plot]"), output = figure.querySelector("output"), rule = figure.querySelector(".cross");
  if (!plot || !output) return;
  const at = { place: -1 };
  const first = output.textContent;
  const go = (place) => {
    at.place = Math.max(0, Math.min(count - 1, place));
    output.textContent = tell(at.place);
    if (rule) {
      rule.hidden = false;
      rule.style.left = `${(100 * at.place) / Math.max(1, count - 1)}%`;
    }
  };
  const leave = () => { at.place = -1; output.textContent = first; if (rule) rule.hidden = true; };
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    go(figure.dataset.kind === "bars" ? Math.floor(share * count) : Math.round(share * (count - 1)));
  });
  plot.addEventListener("pointerleave", () => { if (document.activeElement !== plot) leave(); });
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -7, PageDown: 7, Home: -count, End: count }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    go(at.place < 0 ? (step > 0 && step < count ? 0 : count - 1) : at.place + step);
  });
}
const round = (value) => (value >= 100 ? Math.round(value) : Math.round(value * 10) / 10);
function read(root) {
  for (const figure of root.querySelectorAll("figure[data-points]")) {
    const found = JSON.parse(figure.dataset.points);
    if (figure.dataset.kind === "bars") { reading(figure, found.length, (place) => found[place]); continue; }
    reading(figure, found.at.length, (place) => {
      const when = new Date(found.at[place]).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
      const known = found.series.filter((each) => each.values[place] !== null);
      if (!known.length) return `${when}: nothing measured`;
      const words = known.map((each) => `${each.name} ${round(each.values[place])} ${found.unit}`);
      const total = known.reduce((sum, each) => sum + each.values[place], 0);
      return `${when}: ${found.stacked && known.length > 1 ? `${round(total)} ${found.unit} in all. ` : ""}${words.join(", ")}`;
    });
  }
}
document.addEventListener("tocsin:part", (event) => read(event.detail));
read(document);
