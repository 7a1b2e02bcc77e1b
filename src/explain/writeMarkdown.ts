import type { AnyNetwork } from "../graph/graphNetwork.ts";
import { compareDigits, doubleDigits } from "./digits.ts";
import type { StepLine } from "./stepLine.ts";
import { comparisonNote, pagesOf, titleOf } from "./stepPages.ts";
import type { StepPage } from "./stepPages.ts";
import { isPlainNumber, writtenForms } from "./writeText.ts";

/** Code in a table cell: the bars of |a − t| escaped, backticks of names replaced. */
const code = (written: string): string => `\`${written.replaceAll("`", "ˋ").replaceAll("|", "\\|")}\``;

function deviceCell({ result, deviceResult }: StepLine): string {
  if (deviceResult === undefined) return "";
  const { same, differing, exponent } = compareDigits(result, deviceResult);
  return `${same}${differing && `**${differing}**`}${exponent}`;
}

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(heads), row(heads.map((head) => (/PU/.test(head) ? ":--" : "---"))), ...rows.map(row)].join("\n");
}

function formulaCell(line: StepLine): string {
  const forms = writtenForms(line, "text");
  if (isPlainNumber(line)) return code(`${line.quantity.text} = ${forms[0]}`);
  const [first = "", ...rest] = forms;
  return [`${line.quantity.text} ${line.relation} ${first}`, ...rest.map((form) => `= ${form}`)].map(code).join("<br>");
}

function pageMarkdown({ title, meaning, lines }: StepPage, compared: boolean): string {
  const results = (line: StepLine): string[] => [doubleDigits(line.result), ...(compared ? [deviceCell(line)] : [])];
  const heads = compared ? ["float64", "float32"] : ["float64"];
  const body =
    lines[0]?.section === "given"
      ? table(
          ["name", "what", ...heads],
          lines.map((line) => [code(line.quantity.text), code(line.note ?? ""), ...results(line)]),
        )
      : table(
          ["formula, the same with numbers", ...heads],
          lines.map((line) => [formulaCell(line), ...results(line)]),
        );
  return [`## ${title}`, ...(meaning ? [code(meaning.text)] : []), body].join("\n\n");
}

/** The step as GitHub Markdown: one table per heading. */
export function writeMarkdown(lines: readonly StepLine[], network: AnyNetwork): string {
  const compared = lines.some(({ deviceResult }) => deviceResult !== undefined);
  const top = [`# ${titleOf(network)}`, ...(compared ? [comparisonNote("**bold**")] : [])];
  return `${[...top, ...pagesOf(lines, network).map((page) => pageMarkdown(page, compared))].join("\n\n")}\n`;
}
