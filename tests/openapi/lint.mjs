// Reads an OpenAPI document and writes, as a list of JSON, what the linter finds wrong with it, warnings too.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

// The first argument is a file beside which the packages lie.
const { createConfig, lintFromString } = createRequire(process.argv[2])("@redocly/openapi-core");
// Of the shapes of a sweep one has hours and the other minutes, and neither may have both: each legal body fits one. The
// rule looks at the fields that both have.
const rules = { "no-illogical-composition-keywords": "off" };
const config = await createConfig({ extends: ["recommended"], rules });
const found = await lintFromString({ source: await text(process.stdin), absoluteRef: "openapi.json", config });
const place = ({ location }) => location.map(({ pointer }) => pointer).join(", ");
console.log(JSON.stringify(found.map((problem) => `${problem.ruleId} at ${place(problem)}: ${problem.message}`)));
