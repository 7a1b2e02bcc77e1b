// Pictures that are dropped or pasted, and the key that plays.

/** What the page does with what comes in. */
export interface Receivers {
  picture(file: Blob, name: string): void;
  toggle(): void;
}

const takesKeys = "input, select, textarea, button, summary, a, [contenteditable]";

/** A page's own space bar scrolls: it plays only where nothing else wants it. */
function isFree({ target }: KeyboardEvent): boolean {
  return !(target instanceof Element) || target.closest(takesKeys) === null;
}

const imageOf = (data: DataTransfer | null): File | undefined => [...(data?.files ?? [])][0];

/**
 * Listens to drops on a view, to what is pasted on the page, and to the space bar.
 * @returns ends it
 */
export function receivePictures(root: HTMLElement, { picture, toggle }: Receivers): () => void {
  const ended = new AbortController();
  const { signal } = ended;
  const take = (event: Event, data: DataTransfer | null): void => {
    const file = imageOf(data);
    if (!file) return;
    event.preventDefault();
    picture(file, file.name || "The pasted picture");
  };
  const mark = (isOver: boolean) => (event: DragEvent) => {
    event.preventDefault();
    root.classList.toggle("drop", isOver);
  };
  root.addEventListener("dragover", mark(true), { signal });
  root.addEventListener("dragleave", mark(false), { signal });
  root.addEventListener(
    "drop",
    (event) => {
      mark(false)(event);
      take(event, event.dataTransfer);
    },
    { signal },
  );
  document.addEventListener("paste", (event) => take(event, event.clipboardData), { signal });
  const key = (event: KeyboardEvent): void => {
    if (event.key !== " " || event.ctrlKey || event.metaKey || !isFree(event)) return;
    event.preventDefault();
    toggle();
  };
  document.addEventListener("keydown", key, { signal });
  return () => ended.abort();
}
