// Says that a person has this page before their eyes. Programs that try the links in mails open a page too, so it counts
// only once it has been visible for two seconds in all; those who read without JavaScript count when they answer.
const NEEDED_MILLISECONDS = 2000;
let timer = 0;

function watch() {
  clearTimeout(timer);
  if (document.visibilityState === "visible" && document.hasFocus()) {
    timer = setTimeout(tell, NEEDED_MILLISECONDS);
  }
}

function tell() {
  document.removeEventListener("visibilitychange", watch);
  window.removeEventListener("focus", watch);
  window.removeEventListener("blur", watch);
  navigator.sendBeacon(`${location.pathname}/seen`);
}

document.addEventListener("visibilitychange", watch);
window.addEventListener("focus", watch);
window.addEventListener("blur", watch);
watch();
