"use strict";
// Filters at once what the server would filter after pressing the button: by the same marks, in the same words.
(() => {
  const form = document.querySelector("form");
  const fields = [...form.elements].filter((field) => field.name);
  const count = document.querySelector(".count");
  const none = document.querySelector(".none");
  const sections = [...document.querySelectorAll("section[data-area]")].map((section) => ({
    section,
    number: section.querySelector("h2 span"),
    articles: [...section.querySelectorAll("article")].map((article) => ({
      article,
      words: article.dataset.words.toLowerCase(),
    })),
  }));

  const takes = (wanted, { article, words }) =>
    wanted.every(([name, value]) =>
      name === "q"
        ? value.toLowerCase().split(/\s+/).every((word) => words.includes(word))
        : article.dataset[name].split(" ").includes(value));

  const filter = () => {
    const wanted = fields.map((field) => [field.name, field.value.trim()]).filter(([, value]) => value);
    let all = 0;
    for (const { section, number, articles } of sections) {
      let shown = 0;
      for (const each of articles) {
        const taken = takes(wanted, each);
        each.article.hidden = !taken;
        shown += taken;
      }
      section.hidden = !shown;
      number.textContent = shown;
      all += shown;
    }
    none.hidden = all > 0;
    count.textContent = `${all} operation${all === 1 ? "" : "s"}`;
    const query = new URLSearchParams(wanted).toString();
    history.replaceState(null, "", location.pathname + (query && "?" + query) + location.hash);
  };

  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) { // a link leads to what is filtered away
      form.reset();
      for (const field of fields) field.value = "";
      filter();
    }
    const details = target.querySelector("details");
    if (details) details.open = true;
    target.scrollIntoView();
  };

  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 60);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    filter();
  });
  document.querySelector(".none a").addEventListener("click", (event) => {
    event.preventDefault();
    for (const field of fields) field.value = "";
    filter();
    form.elements.q.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.matches("input, select")) {
      event.preventDefault();
      form.elements.q.focus();
    }
  });
  document.querySelector("button").hidden = true;
  addEventListener("hashchange", open);
  open();
})();
