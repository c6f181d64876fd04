// What a press or a key on the page means. Elements say it with data-do; the server learns of it as one Gradio event
// each. `element` and `trigger` come from the hidden gr.HTML component that loads this file.
const store = window.pincite;
const popover = window.pincitePopover;
const $ = (selector) => document.querySelector(selector);
const shell = () => $("#shell"); // its classes say what is open; Gradio scopes the page's CSS to what is below the body
let reading = { cited: [], at: -1 };
let opener = null;
let touched = false;

// --- the panel beside the chat: a column on a wide screen, a sheet on a narrow one

function openSide(from) {
  opener = from || opener;
  shell().classList.add("side-open");
}

function closeSide() {
  shell().classList.remove("side-open");
  if (opener && opener.isConnected) opener.focus();
}

function read(link) {
  const turn = link.closest(".turn") || [...document.querySelectorAll(".turn")].pop();
  const cited = new Map(); // link to quote, each once, in the order of the answer
  for (const a of turn ? turn.querySelectorAll("a.cite") : []) cited.set(a.getAttribute("href"), a.dataset.quote);
  const href = link.getAttribute("href");
  reading = { cited: [...cited], at: [...cited.keys()].indexOf(href) };
  openSide(link);
  show(href, link.dataset.quote || "");
}

function show(link, quote) {
  window.pinciteReading = { count: reading.cited.length, at: reading.at };
  for (const marker of document.querySelectorAll("a.cite")) {
    marker.classList.toggle("current", marker.getAttribute("href") === link);
  }
  trigger("click", { link, quote });
}

function step(by) {
  const at = reading.at + by;
  if (!(at in reading.cited)) return;
  reading.at = at;
  show(...reading.cited[at]);
}

// --- conversations

function changed() {
  trigger("apply", { list: store.list() });
}

function rename(button) {
  const row = button.closest("li");
  const title = row.querySelector(".title");
  const input = document.createElement("input");
  input.value = title.textContent;
  input.setAttribute("aria-label", "New title");
  title.hidden = true;
  row.prepend(input);
  input.focus();
  input.select();
  let over = false;
  const end = (keep) => {
    if (over) return;
    over = true;
    if (keep) store.rename(button.dataset.id, input.value);
    input.remove();
    title.hidden = false;
    changed();
  };
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") end(true);
    if (event.key === "Escape") end(false);
    event.stopPropagation();
  });
  input.addEventListener("blur", () => end(true));
}

function remove(button) {
  if (!button.classList.contains("sure")) {
    button.classList.add("sure");
    button.setAttribute("aria-label", "Press again to delete");
    button.title = "Press again to delete";
    setTimeout(changed, 4000);
    return;
  }
  store.remove(button.dataset.id);
  trigger("delete", { id: button.dataset.id, list: store.list() });
}

// --- copying

async function copy(button) {
  const text = button.dataset.text;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement("textarea"); // no clipboard over plain HTTP
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}

const actions = {
  ask: (b) => trigger("submit", { question: b.dataset.question }),
  retry: () => trigger("retry"),
  edit: () => trigger("edit"),
  cancel: () => trigger("clear"),
  up: (b) => trigger("like", { turn: +b.dataset.turn, vote: "up" }),
  down: (b) => trigger("like", { turn: +b.dataset.turn, vote: "down" }),
  copy,
  sources: (b) => (openSide(b), trigger("select", { turn: +b.dataset.turn })),
  open: (b) => (shell().classList.remove("history-open"), trigger("option_select", { record: store.open(b.dataset.id) })),
  new: () => (shell().classList.remove("history-open"), store.close(), trigger("undo")),
  export: (b) => trigger("download", { record: store.get(b.dataset.id) }),
  rename,
  delete: remove,
  previous: () => step(-1),
  next: () => step(1),
  close: closeSide,
  history: () => shell().classList.toggle("history-open"),
  outline: (b) => trigger("expand", { article: b.dataset.article }),
  about: (b) => trigger("input", { article: b.dataset.article }),
};

document.addEventListener("pointerdown", (event) => (touched = event.pointerType === "touch"), true);

document.addEventListener(
  "click",
  (event) => {
    const target = event.target.closest && event.target.closest('a[href^="#read/"], [data-do]');
    if (!target) return;
    event.preventDefault();
    event.stopPropagation();
    if (target.dataset.do) actions[target.dataset.do](target);
    else if (touched && target.matches(".cite") && !popover.isFor(target)) popover.show(target);
    else {
      popover.hide();
      read(target);
    }
  },
  true
);

// --- which tab is open decides whether the panel stands beside it

document.addEventListener("click", (event) => {
  const tab = event.target.closest && event.target.closest("#views button[role=tab]");
  if (tab) shell().dataset.tab = tab.dataset.tabId;
});

// --- keys: "/" to the question, Escape out of whatever is open

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey) {
    const box = [...document.querySelectorAll("#question textarea, #query input")].find((b) => b.offsetParent);
    if (box) {
      event.preventDefault();
      box.focus();
    }
  }
  if (event.key !== "Escape") return;
  const cancel = $('[data-do="cancel"]');
  if (popover.hide()) return;
  if (shell().classList.contains("history-open")) shell().classList.remove("history-open");
  else if (shell().classList.contains("side-open")) closeSide();
  else if (cancel) cancel.click();
});

// --- the chat: a new question goes to the top, and nothing moves while its answer streams

let turns = 0;
new MutationObserver(() => {
  const chat = $("#chat");
  if (!chat) return;
  const count = chat.querySelectorAll(".turn").length;
  if (count > turns) {
    const last = [...chat.querySelectorAll(".turn")].pop();
    chat.scrollTop += last.getBoundingClientRect().top - chat.getBoundingClientRect().top - 8;
  }
  turns = count;
}).observe(document.body, { childList: true, subtree: true });
