/* A small badge with the state of your status page; a press shows what is reported:
   <script src="https://YOUR-TOCSIN/widgets/status.js" data-id="PAGE-ID" async></script>
   It stands where the script stands; data-theme="dark" for dark sites. */
(function () {
  "use strict";
  var script = document.currentScript;
  var id = script && script.getAttribute("data-id");
  if (!id) return;
  var address = new URL("status/" + encodeURIComponent(id) + ".json", script.src);
  var dark = script.getAttribute("data-theme") === "dark";
  var host = document.createElement("span");
  host.className = "tocsin-status";
  var inside = host.attachShadow({ mode: "open" });

  // A sheet of the script's own needs no style-src in the policy of the site; old browsers get an element instead.
  function dress(inside, rules) {
    if (inside.adoptedStyleSheets && window.CSSStyleSheet && CSSStyleSheet.prototype.replaceSync) {
      var sheet = new CSSStyleSheet();
      sheet.replaceSync(rules);
      inside.adoptedStyleSheets = [sheet];
    } else {
      inside.appendChild(document.createElement("style")).textContent = rules;
    }
  }

  function make(name, words, parent) {
    var made = document.createElement(name);
    if (words) made.textContent = words;
    parent.appendChild(made);
    return made;
  }

  function link(words, href, parent) {
    var made = make("a", words, parent);
    if (/^https?:\/\//.test(href)) made.href = href;
    made.target = "_blank";
    made.rel = "noopener";
    return made;
  }

  function show(said) {
    var was = inside.querySelector("details");
    var open = was && was.open;
    inside.textContent = "";
    dress(
      inside,
      ":host{all:initial;display:inline-block;position:relative;font:14px/1.4 system-ui,sans-serif}" +
      "summary{list-style:none;cursor:pointer;display:inline-flex;align-items:center;gap:8px;padding:5px 12px;" +
      "border:1px solid #8c959f66;border-radius:999px}summary::-webkit-details-marker{display:none}" +
      "summary:focus-visible,a:focus-visible{outline:2px solid #175ddc;outline-offset:2px}" +
      ".dot{width:9px;height:9px;border-radius:50%}.box{position:absolute;z-index:2147483000;margin-top:6px;" +
      "min-width:260px;max-width:360px;padding:12px 14px;border:1px solid #8c959f66;border-radius:10px;" +
      "box-shadow:0 6px 24px #0003}ul{margin:0 0 8px;padding:0;list-style:none}li{margin:0 0 6px}" +
      "b{font-weight:600}summary,.box{" + (dark ? "background:#16191d;color:#e6edf3" : "background:#fff;color:#1f2328") +
      "}a{color:inherit}"
    );
    var details = make("details", "", inside);
    details.open = Boolean(open);
    var summary = make("summary", "", details);
    var dot = make("span", "", summary);
    dot.className = "dot";
    if (/^#[0-9a-f]{6}$/.test(said.colour)) dot.style.background = said.colour;
    make("span", said.words, summary);
    var box = make("div", "", details);
    box.className = "box";
    if (said.reports.length) {
      var list = make("ul", "", box);
      said.reports.forEach(function (report) {
        var item = make("li", "", list);
        make("b", report.standing + ": ", item);
        link(report.title, report.url, item);
      });
    }
    link(said.name + " status page", said.url, box);
  }

  function look() {
    fetch(address, { credentials: "omit" })
      .then(function (answer) { return answer.ok ? answer.json() : Promise.reject(answer.status); })
      .then(show)
      .catch(function () {});
  }
  script.parentNode.insertBefore(host, script);
  look();
  setInterval(function () { if (!document.hidden) look(); }, 60000);
})();
