import process from "node:process";
import { styleText } from "node:util";
import { printable } from "../node.ts";
import { writeAbove } from "./liveText.ts";
import { documentText, jsonText, oneLine } from "./safeText.ts";

/** Where lines go: the result to stdout, everything else to stderr. */
export interface Output {
  /** One JSON object on stdout instead of lines. */
  readonly json: boolean;
  /** Nothing on stderr but errors and the answer to a signal. */
  readonly quiet: boolean;
  /** A line on stderr; nothing with --quiet. A label is padded and bold; control characters of the text are escaped. */
  info(label: string, text: string): void;
  /** A line of the result on stdout; nothing with --json. */
  result(label: string, text: string): void;
  /** A document on stdout, of which a terminal gets no control characters; nothing with --json. */
  write(text: string): void;
  /** The one object of --json; nothing without it. */
  record(object: object): void;
}

const labelWidth = 10;

function labelled(label: string, text: string, stream: NodeJS.WriteStream): string {
  const padded = label.padEnd(labelWidth);
  return `${label === "" ? padded : styleText("bold", padded, { stream })}${oneLine(text)}\n`;
}

export function createOutput({ json = false, quiet = false }: { json?: boolean; quiet?: boolean }): Output {
  const { stdout, stderr } = process;
  return {
    json,
    quiet,
    info(label, text) {
      if (!quiet) writeAbove(labelled(label, text, stderr));
    },
    result(label, text) {
      if (!json) stdout.write(labelled(label, text, stdout));
    },
    write(text) {
      if (!json) stdout.write(stdout.isTTY ? printable(text) : documentText(text));
    },
    record(object) {
      if (json) stdout.write(`${jsonText({ v: 1, ...object })}\n`);
    },
  };
}

/**
 * A reader that has closed its end (`thalweg predict … | head`) is no fault: what is still written goes nowhere. A full
 * disk is one, which `onFault` is told. A terminal that was closed takes nothing either.
 */
export function watchStreams(onFault: (error: Error) => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      const isGone = error.code === "EPIPE" || (error.code === "EIO" && stream.isTTY);
      if (!isGone) onFault(error);
    });
  }
}

/** Resolves when everything written so far has left the process. */
export async function flush(): Promise<void> {
  const written = (stream: NodeJS.WriteStream): Promise<void> => new Promise((done) => stream.write("", () => done()));
  await Promise.all([written(process.stdout), written(process.stderr)]);
}
