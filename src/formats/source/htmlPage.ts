import type { ModelToSave } from "../modelFile.ts";

/** A page with a form for the columns of the model, or for its inputs by number: what the form has is asked of `columns`. */
const script = `const fields = typeof columns === "undefined"
  ? Array.from({ length: inputCount }, (_, index) => ({ kind: "number", name: "x" + (index + 1), mean: 0 }))
  : columns;
const form = document.querySelector("form");
const output = document.querySelector("output");
const controls = fields.map((field, index) => {
  const isChoice = field.values !== undefined;
  const control = document.createElement(isChoice ? "select" : "input");
  control.id = "field" + index;
  if (isChoice) control.append(...field.values.map((value) => new Option(value)));
  else if (field.kind === "date") control.value = new Date(86_400_000 * (field.fill ?? field.mean)).toISOString().slice(0, 10);
  else control.value = String(Number((field.fill ?? field.mean).toPrecision(4)));
  if (field.fill !== undefined && isChoice) control.value = field.fill;
  if (!isChoice) control.inputMode = field.kind === "date" ? "text" : "decimal";
  const label = document.createElement("label");
  label.htmlFor = control.id;
  label.textContent = field.name;
  form.append(label, control);
  return control;
});
if (typeof columns !== "undefined") {
  document.title = "Predict " + (typeof target === "undefined" ? targets.map(({ name }) => name).join(", ") : target);
  document.querySelector("h1").textContent = document.title;
}
const short = (value) => String(Number(value.toPrecision(6)));
function line(name, value, share) {
  const row = document.createElement("p");
  row.append(Object.assign(document.createElement("span"), { textContent: name }), Object.assign(document.createElement("strong"), { textContent: value }));
  if (share !== undefined) row.append(Object.assign(document.createElement("meter"), { value: share, ariaLabel: name }));
  return row;
}
function answer() {
  const values = controls.map((control) => control.value.trim());
  if (typeof predictRow === "undefined") {
    const numbers = values.map(Number);
    if (values.includes("") || numbers.some(Number.isNaN)) throw new TypeError("each field takes a number");
    return Array.from(predict(numbers), (value, index) => line("y" + (index + 1), short(value)));
  }
  const { probabilities, ...answers } = predictRow(Object.fromEntries(fields.map(({ name }, index) => [name, values[index]])));
  const shares = Object.entries(probabilities ?? {}).map(([name, share]) => line(name, (100 * share).toFixed(1) + " %", share));
  return [...Object.entries(answers).map(([name, value]) => line(name, typeof value === "number" ? short(value) : value)), ...shares];
}
function show() {
  try {
    output.replaceChildren(...answer());
  } catch (error) {
    output.replaceChildren(error.message);
  }
}
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();`;

const style = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
form { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.5rem 1rem; align-items: center; }
input, select { font: inherit; min-width: 0; padding: 0.25rem 0.5rem; }
label { overflow-wrap: anywhere; }
output { display: block; margin-top: 1.5rem; }
output p { display: grid; grid-template-columns: 1fr max-content 8rem; gap: 1rem; margin: 0.25rem 0; overflow-wrap: anywhere; }
meter { width: 100%; }`;

/**
 * One file that loads nothing and sends nothing: the network, and a form that predicts as it is filled in.
 * @param source statements that define `predict`, and `columns` and `predictRow` where the model knows its columns
 * @param what the network in a line of our own words
 */
export const htmlPage = (source: string, { network }: ModelToSave, what: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<meta name="generator" content="thalweg">
<title>Predict</title>
<style>
${style}
</style>
</head>
<body>
<main>
<h1>Predict</h1>
<form></form>
<output aria-live="polite"></output>
<p><small>Network ${what}. It runs on this page: nothing is sent.</small></p>
</main>
<script type="module">
${source}

const inputCount = ${network.inputs};
${script}
</script>
</body>
</html>
`;
