// Writes docs/worked-example.svg and docs/worked-example.md out of test/worked-example.json.
//   node scripts/draw-worked-example.mjs

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** @typedef {{ x: number, y: number }} Point */
/** @typedef {{ x?: number, y?: number, fill: string, size?: number, weight?: number, anchor?: string }} TextStyle */

const path = (/** @type {string} */ place) => fileURLToPath(new URL(`../${place}`, import.meta.url));
const example = JSON.parse(readFileSync(path("test/worked-example.json"), "utf8"));

const ink = "#263238";
const blue = "#1558b0";
const red = "#b71c1c";
const grey = "#5f6368";
const orange = "#b45309";

const radius = 64;
const bottomRow = 510;
/** @type {Record<string, Point>} */
const places = {
  x1: { x: 110, y: 210 },
  x2: { x: 110, y: bottomRow },
  h1: { x: 420, y: 210 },
  h2: { x: 420, y: bottomRow },
  g1: { x: 750, y: 210 },
  g2: { x: 750, y: bottomRow },
  y: { x: 1050, y: 360 },
};
const loss = { x: 1050, y: 572 };

/** Four decimals, or as many as the number has. */
const short = (/** @type {number} */ value) => String(Number(value.toFixed(4)));
/** `w10` with its number as an index. */
const indexed = (/** @type {string} */ name) =>
  name.replace(/^(\p{L})(\d+)$/u, '$1<tspan dy="4" font-size="75%">$2</tspan><tspan dy="-4">\u200b</tspan>');

/** @param {string} content @param {TextStyle} style */
function text(content, { x = 0, y = 0, fill, size = 16, weight = 400, anchor = "middle" }) {
  const place = `x="${x}" y="${y}" text-anchor="${anchor}"`;
  return `<text ${place} fill="${fill}" font-size="${size}" font-weight="${weight}">${content}</text>`;
}

/** @param {Point} center @param {number} width @param {number} height @param {string} paint */
const box = ({ x, y }, width, height, paint) =>
  `<rect x="${x - width / 2}" y="${y - height / 2}" width="${width}" height="${height}" rx="8" ${paint}/>`;

/** Gradient with three digits. */
const slope = (/** @type {string} */ name) => `∂L/∂${indexed(name)} = ${example.gradients[name].toPrecision(3)}`;

/** A parameter's value over its gradient. @param {string} name @param {Point} center @param {string} fill */
function parameterLabel(name, { x, y }, fill) {
  return [
    box({ x, y }, 132, 46, `fill="#fff" stroke="${fill}" stroke-opacity="0.45"`),
    text(`${indexed(name)} = ${short(example.initial[name])}`, { x, y: y - 3, fill, weight: 700 }),
    text(slope(name), { x, y: y + 16, fill: ink, size: 12.5 }),
  ].join("");
}

/** The two ends of a weight's link. @param {string} name @returns {[string, string]} */
function endsOf(name) {
  const [from = "", to = ""] = example.connections[name].split(" -> ");
  return [from, to];
}

/** The point at `share` of the way. @param {Point} from @param {Point} to @param {number} share */
const along = (from, to, share) => ({ x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share });

/** A link that ends in an arrow head at the node's edge. @param {Point} from @param {Point} to @param {string} paint */
function link(from, to, paint) {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  const end = along(from, to, 1 - (radius + 4) / length);
  return `<line x1="${from.x}" y1="${from.y}" x2="${short(end.x)}" y2="${short(end.y)}" ${paint}/>`;
}

const weightNames = Object.keys(example.connections).filter((name) => name.startsWith("w"));
const biasNames = Object.keys(example.connections).filter((name) => name.startsWith("b"));

function drawWeightLinks() {
  return weightNames.map((name) => {
    const [from, to] = endsOf(name).map((node) => /** @type {Point} */ (places[node]));
    return from && to ? link(from, to, `stroke="${red}" stroke-width="2" marker-end="url(#weight)"`) : "";
  });
}

/** Labels sit where no two links meet: in the middle of level links, near the source of crossing ones. */
function drawWeightLabels() {
  return weightNames.map((name) => {
    const [from, to] = endsOf(name).map((node) => /** @type {Point} */ (places[node]));
    if (!from || !to) return "";
    const isLevel = from.y === to.y;
    const isLast = endsOf(name)[1] === "y";
    return parameterLabel(name, along(from, to, isLast ? 0.5 : isLevel ? 0.5 : 0.3), red);
  });
}

function drawBiases() {
  return biasNames.map((name) => {
    const node = /** @type {Point} */ (places[example.connections[name]]);
    const center = { x: node.x, y: node.y + (node.y === bottomRow ? 122 : -122) };
    const line = link(center, node, `stroke="${grey}" stroke-width="2" stroke-dasharray="5 4" marker-end="url(#bias)"`);
    return line + parameterLabel(name, center, grey);
  });
}

function drawInputs() {
  return ["x1", "x2"].map((name, index) => {
    const center = /** @type {Point} */ (places[name]);
    const label = `${indexed(name)} = ${example.inputs[index]}`;
    const words = text(label, { x: center.x, y: center.y + 7, fill: "#fff", size: 20, weight: 700 });
    return box(center, 120, 56, `fill="${blue}"`) + words;
  });
}

function drawNodes() {
  return ["h1", "h2", "g1", "g2", "y"].map((name) => {
    const { x, y } = /** @type {Point} */ (places[name]);
    const { [`z_${name}`]: z, [`a_${name}`]: a } = example.forward;
    return [
      `<circle cx="${x}" cy="${y}" r="${radius}" fill="#f5f7f9" stroke="${ink}" stroke-width="2"/>`,
      text(indexed(name), { x, y: y - 24, fill: ink, size: 20, weight: 700 }),
      text(`z = ${z.toFixed(4)}`, { x, y: y + 3, fill: ink, size: 16 }),
      text(`a = ${a.toFixed(4)}`, { x, y: y + 26, fill: ink, size: 16, weight: 700 }),
    ].join("");
  });
}

function drawLoss() {
  const node = /** @type {Point} */ (places.y);
  const { x, y } = loss;
  const [, after] = example.lossesOfSteps0To100;
  const line = `<line x1="${x}" y1="${node.y + radius}" x2="${x}" y2="${y - 64}" `;
  return [
    `${line}stroke="${ink}" stroke-width="2" marker-end="url(#loss)"/>`,
    box({ x, y: y - 36 }, 220, 48, `fill="${orange}"`),
    text(`target t = ${example.target}`, { x, y: y - 29, fill: "#fff", size: 20, weight: 700 }),
    box({ x, y: y + 32 }, 220, 76, `fill="#fff7ed" stroke="${orange}" stroke-width="2"`),
    text('loss L = ½·(a<tspan dy="4" font-size="75%">y</tspan><tspan dy="-4"> − t)²</tspan>', {
      x,
      y: y + 20,
      fill: ink,
      size: 17,
    }),
    text(`= ${example.loss.toFixed(4)}`, { x, y: y + 47, fill: ink, size: 20, weight: 700 }),
    text(`after one step L = ${after.toFixed(4)}`, { x, y: y + 92, fill: ink, size: 15 }),
  ];
}

const arrow = (/** @type {string} */ id, /** @type {string} */ fill) =>
  `<marker id="${id}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto">` +
  `<path d="M0 0L10 5L0 10z" fill="${fill}"/></marker>`;

function drawWords() {
  const heading = "One step of gradient descent by hand: a 2-2-2-1 network of sigmoids";
  const rule = `z = Σ w·x + b, a = 1/(1 + e<tspan dy="-6" font-size="75%">−z</tspan><tspan dy="6">),</tspan>`;
  const left = { x: 40, anchor: "start" };
  return [
    text(heading, { ...left, y: 48, fill: ink, size: 22, weight: 700 }),
    text("inputs", { ...left, y: 690, fill: blue, weight: 700 }),
    text("weights", { ...left, x: 118, y: 690, fill: red, weight: 700 }),
    text("biases", { ...left, x: 206, y: 690, fill: grey, weight: 700 }),
    text("target", { ...left, x: 280, y: 690, fill: orange, weight: 700 }),
    text(`${rule} then w ← w − ${example.learningRate}·∂L/∂w and b ← b − ${example.learningRate}·∂L/∂b`, {
      ...left,
      x: 360,
      y: 690,
      fill: ink,
    }),
  ];
}

function drawExample() {
  const about =
    `Inputs ${example.inputs.join(" and ")} pass two layers of two sigmoid nodes and one output node, ` +
    `which gives ${example.forward.a_y} for the target ${example.target}; every weight and bias with its value and gradient.`;
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 720" role="img" aria-labelledby="title about"',
    ' font-family="Helvetica, Arial, sans-serif">',
    `\n<title id="title">The worked example: a 2-2-2-1 network before its first step</title>`,
    `\n<desc id="about">${about}</desc>`,
    `\n<defs>${arrow("weight", red)}${arrow("bias", grey)}${arrow("loss", ink)}</defs>`,
    '\n<rect x="1" y="1" width="1198" height="718" rx="14" fill="#fff" stroke="#cfd8dc" stroke-width="2"/>\n',
    [drawWords(), drawWeightLinks(), drawBiases(), drawWeightLabels(), drawInputs(), drawNodes(), drawLoss()]
      .flat()
      .join("\n"),
    "\n</svg>\n",
  ].join("");
}

/** The page, by the command line: on the software adapter, so that it comes out the same everywhere. */
function explainExample() {
  execFileSync("npm", ["run", "--silent", "build"], { cwd: path("."), shell: process.platform === "win32" });
  const options = ["explain", "--format", "markdown", "--device", "software", "--quiet"];
  return execFileSync(process.execPath, [path("dist/cli.js"), ...options], { encoding: "utf8" });
}

const picture =
  "![The 2-2-2-1 network with inputs, weights, biases, target, node values and gradients](worked-example.svg)\n\n" +
  "Written by `node scripts/draw-worked-example.mjs`; the float32 column is SwiftShader's.";

writeFileSync(path("docs/worked-example.svg"), drawExample());
const markdown = explainExample().replace("\n\n", `\n\n${picture}\n\n`);
writeFileSync(path("docs/worked-example.md"), markdown);
