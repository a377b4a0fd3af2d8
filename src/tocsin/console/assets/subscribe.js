// Asks the browser for a push subscription when the button is pressed, and hands it to Tocsin.
const form = document.getElementById("subscribe");
const said = document.getElementById("said");
const button = form.querySelector("button");
form.elements.label.value = nameOfDevice();

if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
  say(isApplePhone()
    ? "On an iPhone or iPad, first add this page to the home screen (Share, then Add to Home Screen) and open it from there."
    : "This browser cannot show notifications from web pages. Open this page in another one.");
  button.disabled = true;
} else if (Notification.permission === "denied") {
  say("Notifications from this address are blocked. Allow them in the browser's settings, then load this page again.");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await subscribe();
  } catch (error) {
    say(`It did not work: ${error.message || error.name}`);
    button.disabled = false;
  }
});

async function subscribe() {
  if (await Notification.requestPermission() !== "granted") {
    throw new Error("the browser does not allow notifications from this address.");
  }
  await navigator.serviceWorker.register("/push.js", { scope: "/" });
  const registration = await navigator.serviceWorker.ready;
  const standing = await registration.pushManager.getSubscription();
  if (standing) {
    await standing.unsubscribe(); // it may be for another key, and a fresh one costs nothing
  }
  const subscription = await registration.pushManager.subscribe({
    userVisibleOnly: true,
    applicationServerKey: bytes(form.dataset.key),
  });
  const fields = new URLSearchParams({ subscription: JSON.stringify(subscription), label: form.elements.label.value });
  const answer = await fetch(location.pathname, { method: "POST", body: fields });
  if (!answer.ok) {
    throw new Error((await answer.json()).said);
  }
  form.hidden = true;
  document.getElementById("hint").hidden = true;
  say("This device receives alerts now. You can close this page.", true);
  await registration.showNotification("Alerts will look like this", {
    body: "This device receives them now.", tag: "tocsin-subscribed", icon: "/assets/bell-192.png", badge: "/assets/badge-96.png",
  });
}

function say(words, good = false) {
  said.textContent = words;
  said.classList.toggle("good", good);
  said.classList.toggle("bad", !good);
  said.hidden = false;
}

function bytes(base64url) {
  const text = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function isApplePhone() {
  return /iPhone|iPad/.test(navigator.userAgent) || (/Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 1);
}

function nameOfDevice() {
  const agent = navigator.userAgent;
  const device = [["iPhone", /iPhone/], ["iPad", /iPad/], ["Android", /Android/], ["Windows", /Windows/], ["Mac", /Mac/],
    ["Linux", /Linux/]].find(([, pattern]) => pattern.test(agent));
  const browser = [["Firefox", /Firefox/], ["Edge", /Edg\//], ["Chrome", /Chrome|CriOS/], ["Safari", /Safari/]]
    .find(([, pattern]) => pattern.test(agent));
  return [browser && browser[0], device && device[0]].filter(Boolean).join(" on ") || "This browser";
}
