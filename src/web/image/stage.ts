// The picture and the network's painting, side by side, zoomed together.

import { element } from "../dom.ts";
import type { Picture } from "./picture.ts";
import type { Painting } from "./protocol.ts";
import { moved, wholeZoom, type Zoom, zoomedAt } from "./zoom.ts";

/** Pixels that the picture's canvas has at least each way: enlarged by whole pixels, so that they stay squares. */
const leastCanvas = 512;
const keyStep = 0.2;
const keyZoom = 1.5;

interface Pane {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly caption: HTMLElement;
}

function pane(name: string, title: string): Pane {
  const canvas = element("canvas", { class: `pane-canvas ${name}`, role: "img", "aria-label": title });
  const caption = element("span", { class: "numbers" });
  const head = element("figcaption", {}, element("strong", {}, title), caption);
  return { root: element("figure", { class: "pane" }, head, canvas), canvas, caption };
}

/** A picture as a canvas of its own size. */
function canvasOf({ width, height, colours }: Picture): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      image.data[4 * pixel + channel] = 255 * colours[3 * pixel + channel]!;
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(image, 0, 0);
  return canvas;
}

/** Both panes, and what zooms them. */
export class Stage {
  readonly root: HTMLElement;
  readonly #original = pane("original", "Picture");
  readonly #learned = pane("learned", "Network");
  readonly #onZoom: () => void;
  #picture: Picture | undefined;
  #source: OffscreenCanvas | undefined;
  #zoom: Zoom = wholeZoom;

  /** @param onZoom is called when the window has changed */
  constructor(onZoom: () => void) {
    this.#onZoom = onZoom;
    const label = "Picture and network output; plus and minus zoom, arrow keys pan, 0 fits";
    this.root = element(
      "div",
      { class: "stage", role: "group", tabindex: 0, "aria-label": label },
      this.#original.root,
      this.#learned.root,
    );
    this.root.addEventListener("keydown", (event) => this.#key(event));
    for (const { canvas } of [this.#original, this.#learned]) this.#listen(canvas);
  }

  get zoom(): Zoom {
    return this.#zoom;
  }

  /** The network's painting, for saving it. */
  get canvas(): HTMLCanvasElement {
    return this.#learned.canvas;
  }

  setZoom(zoom: Zoom): void {
    this.#zoom = zoom;
    this.root.classList.toggle("zoomed", zoom.factor > 1);
    this.#drawPicture();
    this.#onZoom();
  }

  zoomBy(times: number): void {
    this.setZoom(zoomedAt(this.#zoom, times));
  }

  showPicture(picture: Picture): void {
    this.#picture = picture;
    this.#source = canvasOf(picture);
    this.#zoom = wholeZoom;
    this.root.classList.remove("zoomed");
    const { name, width, height } = picture;
    this.#original.caption.textContent = `${width} × ${height}`;
    this.#original.canvas.setAttribute("aria-label", `Target picture: ${name}, ${width} by ${height} pixels`);
    this.#drawPicture();
    this.#learned.canvas.width = width;
    this.#learned.canvas.height = height;
  }

  showPainting({ pixels, raster }: Painting): void {
    const { canvas, caption } = this.#learned;
    const { width, height } = raster;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    canvas.getContext("2d")!.putImageData(new ImageData(pixels, width, height), 0, 0);
    canvas.dataset.paintings = String(Number(canvas.dataset.paintings ?? 0) + 1);
    caption.textContent = `${width} × ${height}`;
  }

  /** What the painting is worth, for those who do not see it. */
  describePainting(text: string): void {
    this.#learned.canvas.setAttribute("aria-label", text);
  }

  #drawPicture(): void {
    if (!this.#picture || !this.#source) return;
    const { width, height } = this.#picture;
    const { factor, x, y } = this.#zoom;
    const times = Math.max(1, Math.ceil(leastCanvas / Math.max(width, height)));
    const { canvas } = this.#original;
    Object.assign(canvas, { width: width * times, height: height * times });
    const context = canvas.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    const [left, top] = [(x - 0.5 / factor) * width, (y - 0.5 / factor) * height];
    context.drawImage(this.#source, left, top, width / factor, height / factor, 0, 0, canvas.width, canvas.height);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zooms: Readonly<Record<string, () => Zoom>> = {
      "+": () => zoomedAt(this.#zoom, keyZoom),
      "=": () => zoomedAt(this.#zoom, keyZoom),
      "-": () => zoomedAt(this.#zoom, 1 / keyZoom),
      "0": () => wholeZoom,
      ArrowLeft: () => moved(this.#zoom, -keyStep, 0),
      ArrowRight: () => moved(this.#zoom, keyStep, 0),
      ArrowUp: () => moved(this.#zoom, 0, -keyStep),
      ArrowDown: () => moved(this.#zoom, 0, keyStep),
    };
    const zoom = zooms[event.key];
    if (!zoom || (event.key.startsWith("Arrow") && this.#zoom.factor === 1)) return;
    event.preventDefault();
    this.setZoom(zoom());
  }

  #listen(canvas: HTMLCanvasElement): void {
    const place = ({ clientX, clientY }: MouseEvent): [number, number] => {
      const box = canvas.getBoundingClientRect();
      return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
    };
    canvas.addEventListener("dblclick", (event) => this.setZoom(zoomedAt(this.#zoom, 2, ...place(event))));
    canvas.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return; // a pinch; without it the page scrolls
        event.preventDefault();
        this.setZoom(zoomedAt(this.#zoom, Math.exp(-event.deltaY / 200), ...place(event)));
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      if (this.#zoom.factor > 1) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      const box = canvas.getBoundingClientRect();
      this.setZoom(moved(this.#zoom, -event.movementX / box.width, -event.movementY / box.height));
    });
  }
}
