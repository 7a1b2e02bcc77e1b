// Identifies files that were passed as a model but are not one: people mix up arguments and formats.

/** What was passed, and what to do about it. */
interface OtherFile {
  readonly got: string;
  readonly fix: string;
}

const asModel = "pass a model file that thalweg train wrote";
const convert = "save its weights as safetensors (safetensors.torch.save_file in Python)";

/** First bytes of formats that hold networks elsewhere. */
const signatures: readonly { readonly start: string; readonly name: string }[] = [
  { start: "PK\u0003\u0004", name: "a zip archive (a model of PyTorch or Keras, or a spreadsheet)" },
  ...["\u0002", "\u0003", "\u0004", "\u0005"].map((version) => ({
    start: `\u0080${version}`,
    name: "a Python pickle",
  })),
  { start: "\u0089HDF\r\n\u001a\n", name: "an HDF5 file (a model of Keras)" },
  { start: "\u0093NUMPY", name: "a NumPy array" },
  { start: "GGUF", name: "a GGUF file" },
];

const startOf = (bytes: Uint8Array): string => String.fromCharCode(...bytes.subarray(0, 16));

/** Text of the first bytes, whose last character may be cut; empty where they are not UTF-8. */
function decodeStart(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    return "";
  }
}

/** The kind of table that text looks like; undefined where the bytes are not text. */
function textKind(bytes: Uint8Array): string | undefined {
  const start = bytes.subarray(0, 512);
  const isText = start.length > 0 && start.every((byte) => byte >= 32 || byte === 9 || byte === 10 || byte === 13);
  const text = isText ? decodeStart(start).trimStart() : "";
  if (text === "") return undefined;
  if (/^\[\s*[{[\]]/.test(text)) return "a JSON table";
  if (text.startsWith("{")) return "JSON";
  return /[,;\t]/.test(text.split(/\r?\n/)[0]!) ? "a table (CSV)" : "text";
}

/** Names a file that is no safetensors file by its first bytes; undefined where they say nothing. */
export function describeOtherFile(bytes: Uint8Array): OtherFile | undefined {
  const text = textKind(bytes);
  if (text !== undefined) return { got: text, fix: `${asModel}; the model comes before the table` };
  const start = startOf(bytes);
  const known = signatures.find((signature) => start.startsWith(signature.start));
  return known && { got: known.name, fix: convert };
}
