import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { compareDigits, doubleDigits } from "./digits.ts";
import { mathmlWords, renderConditionMathml, renderMathml, renderNumber } from "./renderMathml.ts";
import type { StepLine } from "./stepLine.ts";
import { comparisonNote, pagesOf, titleOf } from "./stepPages.ts";
import type { StepPage } from "./stepPages.ts";
import { isPlainNumber } from "./writeText.ts";

const cell = (markup: string, side: "left" | "right" = "left"): string =>
  `<mtd style="text-align: ${side}">${markup}</mtd>`;
const wide = (text: string): string =>
  `<mtr><mtd columnspan="3" style="text-align: left">${mathmlWords(text)}</mtd></mtr>`;
const sign = (relation: string): string => `<mo>${relation}</mo>`;
const space = '<mspace width="2em"></mspace>';

/** Digits of a float32 number, those that differ underlined; its power of ten with the last of them. */
function deviceMathml({ result, deviceResult }: StepLine): string {
  if (deviceResult === undefined) return "";
  const { same, differing, exponent } = compareDigits(result, deviceResult);
  if (!differing) return `${space}${mathmlWords("float32 ")}${renderNumber(`${same}${exponent}`)}`;
  const before = same === "" ? "" : renderNumber(same);
  const marked = `<munder accentunder="true">${renderNumber(differing)}<mo stretchy="true">_</mo></munder>`;
  const power = exponent && `<mo>·</mo><msup><mn>10</mn>${renderNumber(exponent.slice(1).replace("+", ""))}</msup>`;
  return `${space}${mathmlWords("float32 ")}<mrow>${before}${marked}${power}</mrow>`;
}

/** The formulas of a line, the same with numbers, the result. */
function formsOf(line: StepLine): string[] {
  const { formula, chain, condition, result } = line;
  const value = `${renderNumber(doubleDigits(result))}${deviceMathml(line)}`;
  if (!formula) return [value];
  const branch = condition ? `${space}${mathmlWords("for ")}${renderConditionMathml(condition)}` : "";
  const forms = [renderMathml(formula, "symbols").join("") + branch];
  if (chain) forms.push(renderMathml(chain, "symbols").join(""));
  const last = chain ?? formula;
  if (last.kind !== "symbol" && last.kind !== "constant") forms.push(renderMathml(last, "numbers").join(""));
  return isPlainNumber(line) ? forms : [...forms, value];
}

function lineMathml(line: StepLine): string {
  const head = renderMathml(line.quantity, "symbols").join("");
  const note = line.note === undefined ? "" : `${space}${mathmlWords(line.note)}`;
  return formsOf(line)
    .map((form, at) =>
      at === 0
        ? `<mtr>${cell(head, "right")}${cell(sign(line.relation))}${cell(form + note)}</mtr>`
        : `<mtr>${cell("", "right")}${cell(sign("="))}${cell(form)}</mtr>`,
    )
    .join("\n");
}

const pageMathml = ({ title, meaning, lines }: StepPage): string =>
  [wide(title), ...(meaning ? [wide(meaning.text)] : []), ...lines.map(lineMathml)].join("\n");

/** The step as one `<math>` element, well-formed XML: a table of quantity, relation and formula, with a row for each heading. */
export function writeMathml(lines: readonly StepLine[], network: AnyNetwork): string {
  const compared = lines.some(({ deviceResult }) => deviceResult !== undefined);
  const top = [wide(titleOf(network)), ...(compared ? [wide(comparisonNote("underlined"))] : [])];
  const rows = [...top, ...pagesOf(lines, network).map(pageMathml)].join("\n");
  return `<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"><mtable>\n${rows}\n</mtable></math>\n`;
}
