// What the operators' pages do beyond what they do without any script. Nothing here is needed to work:
// links that load more lead to the next page, and what can be copied can be selected.
"use strict";

// Copying. The buttons are hidden where nobody would answer them.
function armCopying(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
  }
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling ?? button);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
}

// All other clicks are the browser's own business: in another tab, in another window, to the disk.
function isPlain(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

// Another page of ours as a document, or null. If the session has ended we are led to the door, and from there back to
// what was asked for.
async function fetched(address) {
  try {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    if (response.redirected) {
      location.href = response.url;
      // This page is left: nobody waits here any longer.
      await new Promise(() => {});
    }
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return response.ok ? page : null;
  } catch {
    // Nobody answered: whoever asked leads to the address itself or says so.
    return null;
  }
}

// More rows of a list, in their place. What is there already is not added again.
async function loadMore(link) {
  const page = await fetched(link.href);
  const rows = document.getElementById(link.dataset.more);
  const more = page?.getElementById(link.dataset.more);
  if (!more) {
    location.href = link.href;
    return;
  }
  const last = rows.lastElementChild;
  rows.append(...more.children);
  armCopying(rows);
  const next = page.querySelector(`a[data-more="${link.dataset.more}"]`);
  if (next) {
    link.href = next.href;
  } else {
    link.remove();
  }
  const first = last?.nextElementSibling?.querySelector("a, button");
  first?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) {
    copy(button);
    return;
  }
  const more = event.target.closest("a[data-more]");
  if (more && isPlain(event)) {
    event.preventDefault();
    loadMore(more);
  }
});

armCopying(document);

// Refreshing a list in its place: as many rows as are shown, and nothing jumps. By itself it asks for so many
// pages at most; by hand, for all of them.
const PAGES_BY_ITSELF = 4;

async function refresh(link, pages) {
  const told = document.querySelector("[data-refreshed]");
  const list = document.getElementById(link.dataset.refresh);
  const shown = list.querySelectorAll("tbody tr").length;
  const fresh = (await fetched(link.href))?.getElementById(link.dataset.refresh);
  if (fresh && shown > pages * fresh.querySelectorAll("tbody tr").length) {
    told.textContent = "So long a list is not refreshed by itself; use Refresh.";
    return;
  }
  if (!fresh || !(await filled(fresh, shown))) {
    told.textContent = "Could not refresh. This is the list as it was before.";
    return;
  }
  const focused = list.contains(document.activeElement) ? document.activeElement.href : null;
  const [across, down] = [list.querySelector(".scroll")?.scrollLeft ?? 0, scrollY];
  list.replaceChildren(...fresh.childNodes);
  armCopying(list);
  list.querySelector(".scroll")?.scrollTo(across, 0);
  scrollTo(scrollX, down);
  [...list.querySelectorAll("a")].find((a) => focused && a.href === focused)?.focus({ preventScroll: true });
  told.textContent = `Refreshed at ${new Date().toISOString().slice(11, 19)} UTC.`;
}

// Further pages into a list that is not shown yet, until it has so many rows; false if one does not come.
async function filled(list, count) {
  const rows = list.querySelector("tbody");
  for (;;) {
    const link = list.querySelector("a[data-more]");
    if (!rows || !link || rows.children.length >= count) {
      return true;
    }
    const page = await fetched(link.getAttribute("href"));
    const more = page?.getElementById(rows.id);
    if (!more) {
      // A page without rows is an end, too: there are fewer by now.
      return page !== null;
    }
    rows.append(...more.children);
    const next = page.querySelector("a[data-more]");
    if (next) {
      link.setAttribute("href", next.getAttribute("href"));
    } else {
      link.remove();
    }
  }
}

// By itself only when that is switched on, and never under somebody's hands.
function armRefreshing(box) {
  box.closest("label").hidden = false;
  setInterval(() => {
    const free = !document.hidden && !document.querySelector("dialog[open]");
    if (box.checked && free) {
      refresh(document.querySelector("a[data-refresh]"), PAGES_BY_ITSELF);
    }
  }, Number(box.dataset.refreshSeconds) * 1000);
}

// The drawer: an order's page beside the list. Its forms work as they do on the page.
function drawer() {
  const known = document.querySelector("dialog.drawer");
  if (known) {
    return known;
  }
  const dialog = document.createElement("dialog");
  dialog.className = "drawer";
  dialog.setAttribute("aria-labelledby", "order-title");
  dialog.addEventListener("close", () => {
    dialog.replaceChildren();
    if (dialog.dataset.changed) {
      delete dialog.dataset.changed;
      refresh(document.querySelector("a[data-refresh]"), Infinity);
    }
  });
  dialog.addEventListener("submit", (event) => {
    event.preventDefault();
    submitInDrawer(dialog, event.target);
  });
  // A click beside the drawer is one on the dialog itself: what is in it covers it.
  dialog.addEventListener("click", (event) => { if (event.target === dialog) { dialog.close(); } });
  document.body.append(dialog);
  return dialog;
}

async function openDrawer(link) {
  const page = await fetched(link.href);
  if (!page?.getElementById("order")) {
    location.href = link.href;
    return;
  }
  const dialog = drawer();
  fillDrawer(dialog, page, link.href);
  dialog.showModal();
  // It is the same drawer as before, and stands where the last order was left.
  dialog.scrollTop = 0;
}

function fillDrawer(dialog, page, address) {
  const bar = document.createElement("div");
  bar.className = "bar";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  const whole = document.createElement("a");
  whole.href = address;
  whole.textContent = "Open as a page";
  bar.append(close, whole);
  const inside = document.createElement("div");
  inside.className = "inside";
  const notice = page.querySelector("main > .notice");
  const order = page.getElementById("order");
  if (order) {
    inside.append(bar, ...(notice ? [notice] : []), order);
  } else {
    // A page without an order says why there is none: that is shown whole, under its own title.
    const said = page.querySelector("main") ?? page.body;
    said.querySelector("h1")?.setAttribute("id", "order-title");
    inside.append(bar, ...said.childNodes);
  }
  dialog.replaceChildren(inside);
  armCopying(dialog);
}

async function submitInDrawer(dialog, form) {
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  const address = form.getAttribute("action");
  const body = new URLSearchParams(new FormData(form));
  const response = await fetch(address, { method: "POST", body, headers: { accept: "text/html" } }).catch(() => null);
  const text = await response?.text().catch(() => null);
  dialog.dataset.changed = "yes";
  if (!text) {
    // It may have been done all the same: so nothing is sent again but by hand, and the form stays as it is.
    sayUnanswered(form);
    button.disabled = false;
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  if (response.redirected && !page.getElementById("order")) {
    // The session has ended, and this is the door: from there one comes back to the order.
    location.href = address;
    return;
  }
  fillDrawer(dialog, page, address);
  dialog.querySelector("[role=alert], .notice")?.scrollIntoView({ block: "nearest" });
  dialog.querySelector(".bar button").focus({ preventScroll: true });
}

function sayUnanswered(form) {
  const said = form.querySelector("[role=alert]") ?? document.createElement("p");
  said.className = "notice bad";
  said.setAttribute("role", "alert");
  said.textContent = "No answer came. Look at the order before you send this again.";
  form.append(said);
  said.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  const again = event.target.closest("a[data-refresh]");
  const opener = event.target.closest("a[data-drawer]");
  if (!isPlain(event) || !(again ?? opener)) {
    return;
  }
  event.preventDefault();
  if (again) {
    refresh(again, Infinity);
  } else {
    openDrawer(opener);
  }
});

// What was left empty need not stand in the address.
document.addEventListener("formdata", (event) => {
  if (event.target.method === "get") {
    const empty = [...event.formData].filter(([, value]) => value === "");
    empty.forEach(([name]) => event.formData.delete(name));
  }
});

document.querySelectorAll("input[data-refresh-seconds]").forEach(armRefreshing);
