import { getNodeValue, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import { BadFile, InvalidInput } from "../node.ts";

// The text of a configuration file: JSON, in which comments and a comma behind the last entry are taken too.

/** A value of the file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  /** Where it is, for messages: `train.json: line 3: "epochs"`. */
  readonly place: string;
}

/** What the parser missed, by the names of its errors. */
const missed: Readonly<Record<string, string>> = {
  CloseBraceExpected: "a closing brace }",
  CloseBracketExpected: "a closing bracket ]",
  ColonExpected: "a colon between key and value",
  CommaExpected: "a comma between two entries",
  EndOfFileExpected: "the end of the file after the closing brace",
  InvalidSymbol: "text in double quotes, a number, true, false or null",
  PropertyNameExpected: "a key in double quotes",
  UnexpectedEndOfString: "a closing quote in this line",
  ValueExpected: "a value",
};

function notJson(text: string, file: string, { error, offset, length }: ParseError): BadFile {
  const before = text.slice(0, offset).split("\n");
  const place = `${file}: line ${before.length}, column ${before.at(-1)!.length + 1}`;
  const expected = missed[printParseErrorCode(error)] ?? "valid JSON";
  const found = text.slice(offset, offset + Math.max(1, Math.min(length, 40)));
  const got = found.trim() === "" && text.slice(offset).trim() === "" ? "the end of the file" : JSON.stringify(found);
  const fix = "write it as thalweg train FILE --print-config does";
  return new BadFile({ place, expected, got, fix });
}

const lineOf = (text: string, { offset }: Node): number => text.slice(0, offset).split("\n").length;

/**
 * The entries of a configuration in their order.
 * @throws BadFile where the text is no JSON, with line and column; InvalidInput where it is no object, or has a key twice
 */
export function parseConfig(text: string, file: string): ConfigEntry[] {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  if (errors[0]) throw notJson(text, file, errors[0]);
  if (root?.type !== "object") {
    const expected = 'an object of options, { "target": "Species", "epochs": 100 }';
    throw new InvalidInput({
      place: file,
      expected,
      got: root?.type ?? "nothing",
      fix: "write braces around the options",
    });
  }
  const entries = (root.children ?? []).map((property): ConfigEntry => {
    const [name, value] = property.children!;
    const key: string = name!.value;
    return {
      key,
      value: getNodeValue(value!),
      place: `${file}: line ${lineOf(text, property)}: ${JSON.stringify(key)}`,
    };
  });
  for (const [at, { key, place }] of entries.entries()) {
    const isRepeated = entries.findIndex((entry) => entry.key === key) < at;
    if (isRepeated)
      throw new InvalidInput({ place, expected: "every key once", got: "it again", fix: "remove one of them" });
  }
  return entries;
}
