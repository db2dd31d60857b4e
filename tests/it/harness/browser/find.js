// Finds on the page what a person would: by its visible words. Answers the element, or in a sentence why there is none.
const [kind, wanted, scope] = arguments;
const words = (text) => (text ?? "").replace(/\s+/g, " ").trim();
const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest("[inert]");

// A modal dialog makes the rest of the page unreachable.
const root = scope ? document.querySelector(scope) : document.querySelector("dialog:modal") ?? document;
if (!root) return `there is no ${scope}`;

// The words of a label without those of the control inside it.
function own(label) {
  const copy = label.cloneNode(true);
  copy.querySelectorAll("select, textarea, input, button, small").forEach((part) => part.remove());
  return copy.textContent;
}

function names(element) {
  const by = (element.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean);
  const labels = [...(element.labels ?? [])].flatMap((label) => [own(label), label.textContent]);
  const value = element.matches("input[type=submit], input[type=button]") ? element.value : "";
  const inner = element.matches("input, select, textarea") ? [] : [element.innerText, element.textContent];
  const label = element.getAttribute("aria-label");
  return [label, ...by.map((id) => document.getElementById(id)?.textContent), ...labels, value, ...inner]
    .map(words)
    .filter(Boolean);
}

const kinds = {
  pressed:
    "a[href], button, summary, input[type=submit], input[type=button], input[type=checkbox], input[type=radio], " +
    "[role=button], [role=tab], [role=link], [role=menuitem]",
  filled: "input:not([type=hidden], [type=submit], [type=button], [type=checkbox], [type=radio]), select, textarea",
};
// A selector is known by its first sign.
if (/^[#.[]/.test(wanted)) {
  const found = [...root.querySelectorAll(wanted)].find(seen);
  return found ?? `there is no visible ${wanted}`;
}
const all = [...root.querySelectorAll(kinds[kind])].filter(seen);
const exact = all.filter((element) => names(element).includes(words(wanted)));
const found = exact.length ? exact : all.filter((element) => names(element).some((name) => name.startsWith(words(wanted))));
if (found.length === 1) return found[0];
const there = [...new Set(all.map((element) => names(element)[0]))].join(" | ");
return found.length ? `${found.length} are called “${wanted}”` : `nothing is called “${wanted}”; there are: ${there}`;
