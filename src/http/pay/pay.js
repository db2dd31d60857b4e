// The buyer's page: copies, counts the time down, and shows news as they come. Without it the page says all it has to
// say, as of its loading.
"use strict";

(() => {
  const main = document.querySelector("[data-pay]");
  const live = document.getElementById("live");
  if (!main || !live) return;
  const place = main.dataset.pay;

  // What the server sent of each part: what is shown may differ from it by a click or a second.
  const sent = new Map();
  const parts = () => live.querySelectorAll("[data-part]");
  parts().forEach((part) => sent.set(part.dataset.part, part.innerHTML));

  let source = null;
  let asking = null;
  let ticking = null;
  let over = live.querySelector("[data-over]") !== null;

  function prepare() {
    main.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = false; });
    count();
  }

  // The server says how much time is left, so a clock that is wrong here does no harm.
  function count() {
    clearInterval(ticking);
    const left = live.querySelector("[data-left]");
    if (!left) return;
    const end = performance.now() + Number(left.dataset.left) * 1000;
    const tick = () => {
      const seconds = Math.max(0, Math.floor((end - performance.now()) / 1000));
      const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
      const two = (number) => String(number).padStart(2, "0");
      const clock = `${two(minutes)}:${two(seconds % 60)}`;
      left.textContent = `${hours > 0 ? `${hours}:` : ""}${clock} left`;
      if (seconds === 0) {
        clearInterval(ticking);
        setTimeout(look, 1000);
      }
    };
    ticking = setInterval(tick, 1000);
    tick();
  }

  function show(html) {
    const news = document.createElement("template");
    news.innerHTML = html;
    parts().forEach((part) => {
      const name = part.dataset.part;
      const next = news.content.querySelector(`[data-part="${name}"]`);
      if (!next || sent.get(name) === next.innerHTML) return;
      sent.set(name, next.innerHTML);
      const held = part.contains(document.activeElement);
      part.className = next.className;
      part.replaceChildren(...next.childNodes);
      if (held) main.focus();
    });
    prepare();
    if (news.content.querySelector("[data-over]")) end();
  }

  function look() {
    fetch(`${place}/now`, { cache: "no-store" })
      .then((answer) => (answer.ok ? answer.text() : null))
      .then((html) => { if (html) show(html); })
      .catch(() => {});
  }

  // For browsers and networks that let no stream through.
  function ask() {
    if (source) source.close();
    source = null;
    if (asking === null) asking = setInterval(look, 5000);
  }

  function end() {
    over = true;
    if (source) source.close();
    source = null;
    clearInterval(asking);
  }

  function listen() {
    if (!window.EventSource) return ask();
    let heard = false;
    source = new EventSource(`${place}/events`);
    source.onmessage = (event) => { heard = true; show(event.data); };
    source.onerror = () => { if (source && source.readyState === EventSource.CLOSED) ask(); };
    setTimeout(() => { if (!heard && source) ask(); }, 10000);
  }

  function select(text) {
    const range = document.createRange();
    range.selectNodeContents(text);
    const selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  main.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    const text = button && document.getElementById(button.dataset.copy);
    if (!text) return;
    const say = (words, told) => {
      button.textContent = words;
      document.getElementById("copied").textContent = told;
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    };
    const marked = () => { select(text); say("Marked", "Marked; copy it with your keyboard."); };
    if (!navigator.clipboard) return marked();
    navigator.clipboard.writeText(text.textContent).then(() => say("Copied", "Copied."), marked);
  });

  // A machine that slept has missed something.
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !over) look();
  });

  prepare();
  if (!over) listen();
})();
