// Improves pages that work without it: times in the reader's zone, buttons that copy, files that are dropped.
// Requests only the events of the page itself.
"use strict";

const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function showTimes(part) {
  for (const time of part.querySelectorAll("time[datetime]:not([data-day])")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) {
      time.title = time.textContent;
      time.textContent = format.format(moment);
    }
  }
}
showTimes(document);

// The server has escaped the names in the list of an event, as in the page.
const followed = document.querySelector("[data-events]");
if (followed) {
  new EventSource(followed.dataset.events).addEventListener("work", (event) => {
    followed.innerHTML = event.data;
    followed.dataset.followed = "true";
    showTimes(followed);
  });
}

const words = document.querySelector("[data-copy]");
if (words && navigator.clipboard) {
  for (const code of document.querySelectorAll("code.copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "small quiet";
    button.textContent = words.dataset.copy;
    button.setAttribute("aria-label", `${words.dataset.copy}: ${code.textContent}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = words.dataset.copied;
      setTimeout(() => { button.textContent = words.dataset.copy; }, 2000);
    });
    code.after(" ", button);
  }
}

for (const zone of document.querySelectorAll(".drop")) {
  const input = zone.querySelector("input[type=file]");
  const mark = (event, on) => { event.preventDefault(); zone.classList.toggle("over", on); };
  zone.addEventListener("dragover", (event) => mark(event, true));
  zone.addEventListener("dragleave", (event) => mark(event, false));
  zone.addEventListener("drop", (event) => {
    mark(event, false);
    if (event.dataTransfer.files.length > 0) {
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// A form is sent once: the work may take a while.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => {
    for (const button of form.querySelectorAll("button[type=submit]")) {
      setTimeout(() => { button.disabled = true; }, 0);
    }
  });
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[type=submit]")) {
    button.disabled = false;
  }
});
