// Reads pages, a line each as JSON, and writes a line each with what html-validate finds wrong: one process for all
// pages of a run, because its start costs half a second. It ends with its input.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const rules = {
  extends: ["html-validate:recommended"],
  rules: {
    // The standard lets these end tags be left out, and long lists are a tenth shorter for it.
    "no-implicit-close": "off",
    // Blanks at the end of a line are the template's; nobody sees them.
    "no-trailing-whitespace": "off",
    // Boxes of one kind share a name, and each sends its own value.
    "form-dup-name": ["error", { shared: ["radio", "button", "reset", "submit", "checkbox"] }],
  },
};

// The first argument is a file beside which the packages lie.
const { HtmlValidate, StaticConfigLoader } = createRequire(process.argv[2])("html-validate");
const judge = new HtmlValidate(new StaticConfigLoader(rules));

for await (const page of createInterface({ input: process.stdin })) {
  const html = JSON.parse(page);
  const lines = html.split("\n");
  const { results } = await judge.validateString(html);
  const sentence = ({ ruleId, message, line, column }) =>
    `${line}:${column} ${ruleId}: ${message}: ${lines[line - 1].slice(0, 160)}`;
  console.log(JSON.stringify(results.flatMap(({ messages }) => messages.map(sentence))));
}
