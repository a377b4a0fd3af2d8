// Shows an update of a status page as a notification, although the page is closed.
self.addEventListener("push", (event) => {
  let news = {};
  try {
    news = event.data.json();
  } catch {
    // Something is shown all the same: browsers take the right to push from whoever is silent.
  }
  event.waitUntil(self.registration.showNotification(news.title || "News", { body: news.body || "", tag: news.tag || "status", data: news }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = (event.notification.data || {}).url || "";
  if (/^https?:/.test(address)) { // the page may be read under another name than the one it was subscribed at
    event.waitUntil(self.clients.openWindow(address));
  }
});
