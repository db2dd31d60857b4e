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

// Another page of ours as a document; a session that has ended leads to the door.
async function fetched(address) {
  const response = await fetch(address, { headers: { accept: "text/html" } });
  if (response.redirected) {
    location.reload();
    return null;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  return response.ok ? page : null;
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
  if (more && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    loadMore(more);
  }
});

armCopying(document);
