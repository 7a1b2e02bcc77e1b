import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { compareDigits, doubleDigits } from "./digits.ts";
import { texNumber } from "./expression.ts";
import { escapeTex } from "./names.ts";
import { renderRelation } from "./render.ts";
import type { StepLine } from "./stepLine.ts";
import { comparisonNote, pagesOf, titleOf } from "./stepPages.ts";
import type { StepPage } from "./stepPages.ts";
import { isPlainNumber, writtenForms } from "./writeText.ts";

/** About how many printed characters fit on a line of a page. */
const columns = 78;

/** Printed width of TeX: commands count one character, braces and indices' carets none. */
const printedWidth = (tex: string): number => tex.replace(/\\[a-z]+/gi, "x").replace(/[{}^_ ]/g, "").length;

/** Breaks before + − · outside braces where a line gets too long. */
function wrapTex(tex: string): string {
  let depth = 0;
  const rows = [""];
  for (const piece of tex.split(/ (?=(?:[+-]|\\cdot) )/)) {
    const row = rows.at(-1)!;
    const breaks = depth === 0 && printedWidth(row) + printedWidth(piece) > columns;
    if (breaks) rows.push(`{} ${piece}`);
    else rows[rows.length - 1] = row === "" ? piece : `${row} ${piece}`;
    depth += piece.replace(/[^{]/g, "").length - piece.replace(/[^}]/g, "").length;
  }
  return rows.join(" \\\\\n&\\qquad ");
}

const greek: Record<string, string> = {
  "∂": "\\partial ",
  δ: "\\delta ",
  η: "\\eta",
  "·": "\\cdot ",
  "−": "-",
  "←": "\\leftarrow ",
  "→": "\\to ",
  "′": "'",
};

/** Words with formulas in them; a run of mathematical signs goes into $…$. */
const texWords = (words: string): string =>
  words.replace(/[\p{L}/]*[∂δη←→·−′]+[\p{L}∂δη′/]*/gu, (run) => {
    const tex = run.replace(/[∂δη←→·−′]/g, (sign) => greek[sign]!);
    return `$${tex.trim()}$`;
  });

function deviceTex({ result, deviceResult }: StepLine): string {
  if (deviceResult === undefined) return "";
  const { same, differing, exponent } = compareDigits(result, deviceResult);
  const marked = differing && `\\underline{${differing}}`;
  return ` \\qquad \\text{float32 } ${texNumber(`${same}${marked}${exponent}`)}`;
}

const resultTex = (line: StepLine): string => `${texNumber(doubleDigits(line.result))}${deviceTex(line)}`;

function lineTex(line: StepLine): string {
  const rows = writtenForms(line, "tex").map(wrapTex);
  if (line.section === "given" || !isPlainNumber(line)) rows.push(resultTex(line));
  const note = line.note === undefined ? "" : ` && \\text{${texWords(escapeTex(line.note))}}`;
  const [first, ...rest] = rows;
  const head = `${line.quantity.tex} &${renderRelation(line.relation, "tex")} ${first}${note}`;
  return [head, ...rest.map((row) => `&= ${row}`)].join(" \\\\\n");
}

const pageTex = ({ title, meaning, lines }: StepPage): string =>
  [
    `\\subsection*{${texWords(escapeTex(title))}}`,
    ...(meaning ? [`\\[${meaning.tex}\\]`] : []),
    "\\begin{align*}",
    lines.map(lineTex).join(" \\\\[1ex]\n"),
    "\\end{align*}",
  ].join("\n");

/** The step as a fragment of LaTeX that needs amsmath. */
export function writeTex(lines: readonly StepLine[], network: AnyNetwork): string {
  const compared = lines.some(({ deviceResult }) => deviceResult !== undefined);
  const top = [
    "% needs \\usepackage{amsmath} and \\allowdisplaybreaks",
    `\\section*{${escapeTex(titleOf(network))}}`,
    ...(compared ? [texWords(comparisonNote("\\underline{underlined}"))] : []),
  ];
  return `${[...top, ...pagesOf(lines, network).map(pageTex)].join("\n\n")}\n`;
}
