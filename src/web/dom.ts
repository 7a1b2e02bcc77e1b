// Builders of elements.

type Listener = (event: never) => void;

/** An attribute is written as it is; `true` writes the bare name, `false` and `undefined` nothing. `onclick` and the like listen. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined | Listener>>;
export type Child = Node | string | undefined;

function complete<Made extends Element>(made: Made, attributes: Attributes, children: readonly Child[]): Made {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value as EventListener);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/** `element("button", { type: "button", onclick: start }, "Start")`. */
export const element = <Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] => complete(document.createElement(tag), attributes, children);

/** As `element`, for SVG. */
export const svg = <Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[Tag] =>
  complete(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

/** As `element`, for MathML. */
export const mathml = <Tag extends keyof MathMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): MathMLElementTagNameMap[Tag] =>
  complete(document.createElementNS("http://www.w3.org/1998/Math/MathML", tag), attributes, children);

/** Hands a file to the reader. */
export function download(name: string, content: Blob): void {
  const url = URL.createObjectURL(content);
  element("a", { href: url, download: name }).click();
  // The browser reads the address after the click has returned.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
