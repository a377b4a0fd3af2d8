/* A bar at the top of your site with the announcement of your status page:
   <script src="https://YOUR-TOCSIN/widgets/announcement.js" data-id="PAGE-ID" async></script> */
(function () {
  "use strict";
  var script = document.currentScript;
  var id = script && script.getAttribute("data-id");
  if (!id) return;
  var address = new URL("announcement/" + encodeURIComponent(id) + ".json", script.src);
  var bar = null;

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

  function show(said) {
    var old = bar;
    bar = null;
    if (said.visible && said.text) {
      bar = document.createElement("div");
      bar.className = "betteruptime-announcement tocsin-announcement";
      bar.setAttribute("role", "region");
      bar.setAttribute("aria-label", "Announcement");
      var inside = bar.attachShadow({ mode: "open" });
      dress(
        inside,
        ":host{all:initial;display:block}.bar{display:block;padding:10px 16px;text-align:center;text-decoration:none;" +
        "font:15px/1.4 system-ui,sans-serif;background:#1f2430;color:#fff}a.bar:hover{text-decoration:underline}" +
        (said.css || "")
      );
      var words = document.createElement(said.link ? "a" : "div");
      words.className = "bar announcement";
      words.textContent = said.text;
      if (said.link) {
        words.href = said.link;
        words.rel = "noopener";
      }
      inside.appendChild(words);
      document.body.insertBefore(bar, document.body.firstChild);
    }
    if (old) old.remove();
  }

  function look() {
    fetch(address, { credentials: "omit" })
      .then(function (answer) { return answer.ok ? answer.json() : { visible: false }; })
      .then(show)
      .catch(function () {});
  }

  function begin() {
    look();
    setInterval(function () { if (!document.hidden) look(); }, 60000);
  }
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
})();
