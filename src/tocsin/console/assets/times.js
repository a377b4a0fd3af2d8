// Shows times in the reader's own zone; without JavaScript they stay as they are, in UTC.
for (const element of document.querySelectorAll("time[datetime]")) {
  const instant = new Date(element.dateTime);
  if (!Number.isNaN(instant.getTime())) {
    element.textContent = instant.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}
