// Shows a page as a notification when it comes in, although no page of Tocsin is open; a button of it acknowledges.
const LOOK = { icon: "/assets/bell-192.png", badge: "/assets/badge-96.png" };

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const page = read(event.data);
  event.waitUntil(Promise.all([show(page), report(page.state, "delivered")]));
});

self.addEventListener("notificationclick", (event) => {
  const page = event.notification.data || {};
  if (event.action === "acknowledge") {
    event.waitUntil(acknowledge(page)); // what came of it takes the place of the notification, under the same tag
    return;
  }
  event.notification.close();
  if (page.url) {
    event.waitUntil(Promise.all([self.clients.openWindow(page.url), report(page.state, "seen")]));
  }
});

// Something is always shown: browsers take the right to push from whoever is silent.
function read(data) {
  const unreadable = { kind: "notice", title: "Tocsin has news", body: "", tag: "tocsin", url: "/" };
  try {
    return { ...unreadable, ...data.json() };
  } catch {
    return unreadable;
  }
}

function show(page) {
  const urgent = page.kind === "page";
  return self.registration.showNotification(page.title, {
    ...LOOK,
    body: page.body,
    tag: page.tag,
    renotify: true,
    requireInteraction: urgent,
    vibrate: urgent ? [400, 200, 400, 200, 400] : [100],
    actions: page.answer ? [{ action: "acknowledge", title: "Acknowledge" }] : [],
    data: page,
  });
}

// Whoever pressed is told what came of it; when nothing did, the button stays.
async function acknowledge(page) {
  let words = null;
  try {
    const answer = await fetch(`/callbacks/push/${page.answer}`, {
      method: "POST", body: new URLSearchParams({ did: "acknowledge" }),
    });
    words = (await answer.json());
  } catch {
    words = { done: false, said: "Tocsin cannot be reached." };
  }
  if (words.done) {
    return self.registration.showNotification(words.said, {
      ...LOOK, tag: page.tag, body: page.title, silent: true, data: { url: page.url },
    });
  }
  return show({ ...page, title: `Not acknowledged: ${page.title}`, body: words.said || "Tocsin did not take the answer." });
}

async function report(token, what) {
  if (token) {
    try {
      await fetch(`/callbacks/push/${token}`, { method: "POST", body: new URLSearchParams({ did: what }) });
    } catch {
      // It is shown all the same; without a report somebody else is paged as well.
    }
  }
}
