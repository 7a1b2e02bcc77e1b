import { readRecord } from "../race/readRecord.ts";
import { byId } from "./dom.ts";
import { showError } from "./messages.ts";
import type { Store } from "./store.ts";

/** A bad file says what is wrong with it, and leaves everything else as it is. */
async function openFile(file: File, store: Store): Promise<void> {
  try {
    const record = readRecord(await file.text(), file.name);
    store.add({ name: file.name, races: record.races, record, wasHidden: false }, false);
  } catch (error) {
    showError(error);
  }
}

async function openFiles(files: Iterable<File>, store: Store): Promise<void> {
  for (const file of files) await openFile(file, store);
}

const hasFiles = ({ dataTransfer }: DragEvent): boolean => dataTransfer?.types.includes("Files") ?? false;

function listenToDrops(store: Store): void {
  const mark = (isOver: boolean) => document.body.classList.toggle("dropping", isOver);
  addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // else the browser would leave the page for the file
    mark(true);
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) mark(false);
  });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(false);
    void openFiles([...event.dataTransfer!.files], store);
  });
}

/** Results from files: by the button, or dropped anywhere on the page. */
export function listenToImports(store: Store): void {
  const input = byId("files", HTMLInputElement);
  byId("import", HTMLButtonElement).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...(input.files ?? [])];
    input.value = ""; // so that the same file can be opened again
    void openFiles(files, store);
  });
  listenToDrops(store);
}
