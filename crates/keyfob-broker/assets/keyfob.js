// What pages do better with script. Every page works without; nothing here asks any server for anything, but for a login that waits, which asks ours.
"use strict";

// Moments in the person's own time; the page has them in UTC.
for (const moment of document.querySelectorAll("time[datetime]")) {
  const at = new Date(moment.dateTime);
  if (Number.isNaN(at.getTime())) continue;
  moment.title = moment.textContent;
  // As the page has them, and the command: 2026-11-21 14:03.
  moment.textContent = at.toLocaleString("sv-SE", { dateStyle: "short", timeStyle: "short" });
}
for (const zone of document.querySelectorAll(".zone")) zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

// Buttons that copy. They are hidden in the page: without script they would do nothing.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const words = button.querySelector("span");
    const before = words.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      words.textContent = "Copied";
    } catch {
      words.textContent = "Not copied";
    }
    setTimeout(() => { words.textContent = before; }, 2000);
  });
}

// A list that gets shorter while a word is typed. Without script, the server hides the rest.
const find = document.querySelector("form.find[data-list]");
if (find) {
  const list = document.getElementById(find.dataset.list);
  const told = document.getElementById(find.dataset.told);
  const nothing = document.getElementById(find.dataset.nothing);
  const whole = list.classList.contains("all");
  const narrow = () => {
    const wanted = new FormData(find);
    const words = (wanted.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    const kind = wanted.get("kind") || "";
    // A small screen shows the first of them, until something is looked for.
    list.classList.toggle("all", whole || words.length > 0 || kind !== "");
    let count = 0;
    for (const item of list.children) {
      const fits = words.every((word) => item.dataset.words.includes(word)) && (!kind || item.dataset.kind === kind);
      item.hidden = !fits;
      count += fits ? 1 : 0;
    }
    told.textContent = count === 1 ? "1 service" : `${count} services`;
    nothing.hidden = count > 0;
  };
  find.addEventListener("input", narrow);
  find.addEventListener("submit", (event) => { event.preventDefault(); narrow(); });
}

// A login that somebody approves elsewhere: asks how it is, as often as it is told to, and goes on when it is over. Without script the page loads itself.
const waiting = document.querySelector("[data-again]");
if (waiting) {
  const left = waiting.querySelector("[data-left]");
  const ends = Date.now() + Number(left.dataset.left) * 1000;
  const count = () => {
    const seconds = Math.max(0, Math.round((ends - Date.now()) / 1000));
    left.textContent = `The code is good for ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} more.`;
  };
  count();
  setInterval(count, 1000);
  const ask = async () => {
    let again = 10;
    try {
      const answer = await fetch(location.href, { headers: { accept: "application/json" }, redirect: "error" });
      if (answer.ok) again = (await answer.json()).again;
      else if (answer.status < 500 && answer.status !== 429) again = null;
    } catch {
      // Nobody is reached just now.
    }
    if (again === null || Date.now() > ends) location.reload();
    else setTimeout(ask, again * 1000);
  };
  setTimeout(ask, Number(waiting.dataset.again) * 1000);
}

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.ariaBusy === "true") event.preventDefault();
  form.ariaBusy = "true";
});
// Coming back by the back button, it can be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.ariaBusy = null;
});
