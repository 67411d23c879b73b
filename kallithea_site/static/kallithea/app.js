// Everything works without this file; it makes some things more convenient.
"use strict";

(() => {
  const language = document.documentElement.lang || undefined;
  const exact = new Intl.DateTimeFormat(language, {dateStyle: "full", timeStyle: "long"});
  const day = new Intl.DateTimeFormat(language, {dateStyle: "medium"});
  const relative = new Intl.RelativeTimeFormat(language, {numeric: "auto"});
  const steps = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  // Times in the visitor's zone: how long ago for a month, then the day; the exact time on hover.
  function showTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(element.dateTime);
      if (isNaN(moment)) continue;
      const seconds = (moment - Date.now()) / 1000;
      element.title = exact.format(moment);
      if (Math.abs(seconds) > 30 * 86400) { element.textContent = day.format(moment); continue; }
      const [unit, length] = steps.find(([, length]) => Math.abs(seconds) >= length) || steps.at(-1);
      element.textContent = relative.format(Math.round(seconds / length), unit);
    }
  }
  showTimes(document);

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      const field = document.getElementById(copy.dataset.copy);
      field.select();
      try { await navigator.clipboard.writeText(field.value); } catch { document.execCommand("copy"); }
      copy.textContent = copy.dataset.done || "✓";
    }
    const show = event.target.closest("[data-reveal]");
    if (show) {
      const field = document.getElementById(show.dataset.reveal);
      field.type = field.type === "password" ? "text" : "password";
      show.setAttribute("aria-pressed", String(field.type === "text"));
    }
  });

  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm || event.submitter?.dataset.confirm;
    if (question && !confirm(question)) return event.preventDefault();
    if (event.target.getAttribute("method") !== "post") return;
    if (event.target.dataset.sent) event.preventDefault(); // a double click is one wish
    event.target.dataset.sent = "1";
    setTimeout(() => delete event.target.dataset.sent, 3000);
  });

  // A choice with the mouse or a finger is sent at once; with keys, which pass every choice on their way, by the button.
  let byKey = false;
  document.addEventListener("keydown", () => { byKey = true; }, true);
  document.addEventListener("pointerdown", () => { byKey = false; }, true);
  document.addEventListener("change", (event) => {
    if (!byKey && event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // What was wrong with a form may be far down.
  const wrong = document.querySelector(".wrong :is(input, select, textarea)");
  if (wrong) wrong.focus();
  else document.querySelector("form > .note.error")?.scrollIntoView({block: "center"});

  // Pages of running jobs look again by themselves.
  const waiting = document.querySelector("[data-reload]");
  if (waiting) setTimeout(() => location.reload(), Number(waiting.dataset.reload) * 1000);

  // The file filter: fetched once, when it is first used.
  const filter = document.querySelector("input[data-nodelist]");
  if (filter) {
    let names = null;
    const list = document.getElementById("found-files");
    const fetchNames = async () => {
      const answer = await fetch(filter.dataset.nodelist, {headers: {"X-Requested-With": "XMLHttpRequest"}});
      return (await answer.json()).nodes.filter((node) => node.type === "file").map((node) => node.name);
    };
    const search = async () => {
      names ??= fetchNames();  // one request, however fast somebody types: late answers would move the list under the mouse
      const all = await names.catch(() => { names = null; return []; });
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const found = words.length ? all.filter((name) => words.every((word) => name.toLowerCase().includes(word))) : [];
      list.replaceChildren(...found.slice(0, 100).map((name) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = filter.dataset.files + name.split("/").map(encodeURIComponent).join("/");
        link.textContent = name;
        item.append(link);
        return item;
      }));
      list.hidden = !words.length;
    };
    filter.addEventListener("input", search);
    document.addEventListener("keydown", (event) => {
      if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.target.matches("input, textarea, select")) {
        event.preventDefault();
        filter.focus();
      }
    });
  }

  // Comments on lines: a line's number opens a form below it. Keys work as well, the numbers are links. Comments on
  // files: each has a button in its header.
  const blank = document.getElementById("comment-form");
  if (blank) {
    document.addEventListener("click", (event) => {
      const number = event.target.closest("table.diff a[data-line]");
      if (number && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        history.replaceState(null, "", number.hash);
        openForm(number);
      }
      const onFile = event.target.closest("[data-comment-file]");
      if (onFile) openFileForm(onFile);
      if (event.target.closest("[data-cancel]")) {
        const place = event.target.closest(".writing");
        place.previousElementSibling.querySelector(".opened, [data-comment-file]")?.focus();
        place.remove();
      }
    });
    for (const header of document.querySelectorAll("section[data-path] > header")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "small";
      button.dataset.commentFile = "";
      button.textContent = blank.dataset.onFile;
      header.append(button);
    }
  }

  function openFileForm(button) {
    const header = button.closest("header");
    if (!header.nextElementSibling.matches(".writing")) {
      const place = document.createElement("div");
      place.className = "writing";
      place.append(blank.content.cloneNode(true));
      place.querySelector("[name=path]").value = header.parentElement.dataset.path;
      header.after(place);
      addPreviews(place);
    }
    header.nextElementSibling.querySelector("textarea").focus();
  }

  function openForm(number) {
    const row = number.closest("tr");
    if (row.nextElementSibling?.matches(".writing")) return row.nextElementSibling.querySelector("textarea").focus();
    const place = document.createElement("tr");
    const cell = document.createElement("td");
    place.className = "talk writing";
    cell.colSpan = 4;
    cell.append(blank.content.cloneNode(true));
    cell.querySelector("[name=path]").value = number.closest("[data-path]").dataset.path;
    cell.querySelector("[name=side]").value = number.dataset.side === "o" ? "old" : "new";
    cell.querySelector("[name=line]").value = number.dataset.line;
    for (const link of row.querySelectorAll("a[data-line]")) link.classList.toggle("opened", link === number);
    place.append(cell);
    row.after(place);
    addPreviews(place);
    cell.querySelector("textarea").focus();
  }

  // Comments can be looked at before they are sent.
  function addPreviews(root) {
    for (const text of root.querySelectorAll("textarea[data-preview]")) {
      if (text.closest("template")) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = text.dataset.previewLabel;
      const shown = document.createElement("div");
      shown.className = "markup preview";
      shown.setAttribute("aria-live", "polite");
      button.addEventListener("click", async () => {
        const body = new FormData();
        body.set("text", text.value);
        body.set("csrfmiddlewaretoken", text.form.elements.csrfmiddlewaretoken.value);
        const answer = await fetch(text.dataset.preview, {method: "POST", body});
        if (answer.ok) shown.innerHTML = await answer.text(); // cleaned by the server
      });
      text.form.querySelector("button").after(button);
      text.after(shown);
    }
  }
  addPreviews(document);
})();
