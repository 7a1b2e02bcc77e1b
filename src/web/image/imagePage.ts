import { network } from "../../index.ts";
import { download, element } from "../dom.ts";
import { notice } from "../notices.ts";
import { tellDevice, tellDiverged, tellFailed, tellOutOfMemory, tellResumed } from "../sessionNotices.ts";
import type { ViewState } from "../view.ts";
import { RunKeeper } from "../restore/runKeeper.ts";
import { keptOf, type SavedRun, type SessionStart, startOf } from "../restore/savedRun.ts";
import { SessionClient } from "../worker/client.ts";
import type { DeviceMessage, FrameMessage, StartedMessage } from "../worker/protocol.ts";
import { showPlan } from "../planText.ts";
import { builtInPicture } from "./builtInPicture.ts";
import { imageNetwork, sessionSettings } from "./learning.ts";
import type { Picture } from "./picture.ts";
import type { ImageFrame, ImageOptions } from "./protocol.ts";
import { readSource, scalePicture, smallCopy, type Source } from "./readPicture.ts";
import { Readout } from "./readout.ts";
import { receivePictures } from "./receivePictures.ts";
import { type ImageSettings, readImageAddress, sizes, writeImageAddress } from "./settings.ts";
import { SettingsPanel } from "./settingsPanel.ts";
import { Stage } from "./stage.ts";
import { isDetail, Toolbar } from "./toolbar.ts";
import { wholeZoom, windowRaster } from "./zoom.ts";

const lead =
  "A network learns the colour of each point from its x and y alone, encoded as Fourier features. " +
  "Drop, paste or choose your own picture; it never leaves this page.";

/** The view of an image: a session, what is shown of it, and what the reader does. */
export class ImagePage {
  readonly #root: HTMLElement;
  readonly #state: ViewState;
  readonly #client: SessionClient<ImageOptions, ImageFrame>;
  readonly #stage = new Stage(() => this.#sendOptions());
  readonly #readout = new Readout((text) => this.#stage.describePainting(text));
  readonly #panel = new SettingsPanel((changes) => this.#change(changes));
  readonly #toolbar: Toolbar;
  readonly #plan = element("div", { class: "quiet plan" }, "Looking for a GPU…");
  readonly #stopReceiving: () => void;
  #settings: ImageSettings;
  readonly #asked: Partial<ImageSettings>;
  #isSizeChosen: boolean;
  #detail: number;
  #source: Source | undefined;
  #copy: File | undefined; // of the source, kept with the training
  #picture: Picture | undefined;
  #learned: ReturnType<typeof sessionSettings> | undefined;
  #pictures = 0; // requested so far: one that comes late is dropped
  #isRunning = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  #device: DeviceMessage | undefined;
  readonly #keeper = new RunKeeper({
    view: "image",
    read: () => this.#readRun(),
    goOn: (run) => this.#goOnFrom(run),
  });

  constructor(root: HTMLElement, state: ViewState) {
    this.#root = root;
    this.#state = state;
    const params = state.read();
    const { size, own, rejected } = readImageAddress(params);
    this.#isSizeChosen = size !== undefined;
    this.#asked = own;
    this.#settings = { ...sizes[size ?? "small"], ...own };
    this.#detail = isDetail(Number(params.get("detail"))) ? Number(params.get("detail")) : 1;
    if (rejected.length > 0) notice("warn", `Ignored invalid settings in the URL: ${rejected.join(", ")}.`);
    this.#toolbar = this.#createToolbar();
    root.append(...this.#layout());
    this.#stopReceiving = receivePictures(root, {
      picture: (file, name) => void this.#choose(file, name),
      toggle: () => this.#toggle(),
    });
    this.#client = this.#connect();
    this.#showState();
    void this.#prepare();
  }

  dispose(): void {
    this.#pictures++;
    this.#stopReceiving();
    this.#keeper.dispose();
    this.#client.dispose();
    this.#readout.chart.dispose();
    this.#source?.bitmap.close();
  }

  #layout(): HTMLElement[] {
    const { figures, chart } = this.#readout;
    const card = (title: string, ...children: HTMLElement[]): HTMLElement =>
      element("section", { class: "card" }, element("h2", {}, title), ...children);
    const pictures = element(
      "section",
      { class: "card pictures", "aria-label": "Pictures" },
      this.#stage.root,
      figures.root,
      this.#toolbar.root,
    );
    return [
      element("h1", {}, "Learn an image"),
      element("p", { class: "lead" }, lead),
      element(
        "div",
        { class: "image-view" },
        element("div", { class: "column" }, pictures, card("Loss", chart.root)),
        card("Network", this.#panel.root, this.#plan),
      ),
    ];
  }

  #createToolbar(): Toolbar {
    return new Toolbar({
      toggle: () => this.#toggle(),
      reset: () => this.#start(),
      setDetail: (detail) => {
        this.#detail = detail;
        this.#showState();
        this.#sendOptions();
      },
      zoomBy: (times) => this.#stage.zoomBy(times),
      showWhole: () => this.#stage.setZoom(wholeZoom),
      choose: (file) => void this.#choose(file, file.name),
      useBuiltIn: () => {
        this.#setSource(undefined, undefined);
        void this.#prepare();
      },
      savePainting: () => this.#savePainting(),
      saveNetwork: () => void this.#saveNetwork(),
    });
  }

  #connect(): SessionClient<ImageOptions, ImageFrame> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    return new SessionClient<ImageOptions, ImageFrame>(worker, {
      device: (message) => this.#useDevice(message),
      started: (message) => this.#tellPlan(message),
      frame: (message) => this.#showFrame(message),
      paused: () => this.#setRunning(false),
      resumed: (message) => {
        this.#readout.cutAt(message.step);
        tellResumed(message);
      },
      diverged: (message) => {
        this.#setRunning(false);
        this.#readout.cutAt(message.goodStep);
        tellDiverged(message, (rate) => {
          this.#change({ rate });
          this.#toggle();
        });
      },
      outOfMemory: (message) => {
        this.#setRunning(false);
        tellOutOfMemory(message, (fits) => {
          if ("batchSize" in fits) this.#changeTo({ ...this.#settings, batch: fits.batchSize });
        });
      },
      failed: (message) => {
        this.#setRunning(false);
        const goOn = (): void => {
          this.#client.goOn();
          this.#toggle();
        };
        tellFailed(message, () => this.#start(), goOn);
      },
    });
  }

  /** Hardware takes the large size unless the address asks for another. */
  #useDevice(message: DeviceMessage): void {
    const isFirst = this.#device === undefined;
    this.#device = message;
    tellDevice(message);
    if (isFirst && message.kind === "gpu" && !this.#isSizeChosen) this.#changeTo({ ...sizes.large, ...this.#asked });
  }

  #tellPlan({ plan, parameterCount }: StartedMessage): void {
    const parameters = `${parameterCount.toLocaleString("en")} parameters`;
    showPlan(this.#plan, `${parameters} on ${this.#device?.name ?? "?"}`, plan);
  }

  #showFrame(message: FrameMessage<ImageFrame>): void {
    if (message.content.painting) this.#stage.showPainting(message.content.painting);
    this.#readout.show(message);
    this.#root.dataset.step = String(message.step);
    this.#keeper.show(message);
  }

  /** Makes the picture at the size that is learned, and learns it. */
  async #prepare(from?: SessionStart): Promise<void> {
    const number = ++this.#pictures;
    const { side } = this.#settings;
    const picture = this.#source ? scalePicture(this.#source, side) : await builtInPicture(side);
    if (number !== this.#pictures) return;
    this.#picture = picture;
    this.#stage.showPicture(picture);
    this.#start(from);
  }

  #raster() {
    return windowRaster(this.#picture!, this.#stage.zoom, this.#detail);
  }

  /** From the first step, with the picture and the settings as they are. */
  #start(from?: SessionStart): void {
    if (!this.#picture) return;
    this.#readout.clear();
    this.#keeper.begin();
    this.#learned = sessionSettings(this.#settings, this.#picture, this.#raster());
    this.#client.start({ ...this.#learned, ...from }, this.#isRunning ? "full" : undefined);
  }

  #sendOptions(): void {
    if (!this.#picture || !this.#learned) return;
    this.#client.setOptions({ ...this.#learned.options, raster: this.#raster() });
  }

  /** What the reader has set; a learning rate alone does not start over. */
  #change(changes: Partial<ImageSettings>): void {
    this.#isSizeChosen = true;
    const onlyRate = Object.keys(changes).every((name) => name === "rate");
    if (!onlyRate) return this.#changeTo({ ...this.#settings, ...changes });
    this.#settings = { ...this.#settings, ...changes };
    this.#client.setLearningRate(this.#settings.rate);
    this.#showState();
  }

  #changeTo(settings: ImageSettings): void {
    const isNewPicture = settings.side !== this.#settings.side;
    this.#settings = settings;
    this.#showState();
    if (isNewPicture) void this.#prepare();
    else this.#start();
  }

  #showState(): void {
    this.#panel.show(this.#settings);
    this.#toolbar.show(this.#isRunning, this.#detail);
    const params = writeImageAddress(this.#settings);
    if (!this.#isSizeChosen) params.delete("size");
    if (this.#detail !== 1) params.set("detail", String(this.#detail));
    this.#state.write(params);
  }

  #setRunning(isRunning: boolean): void {
    this.#isRunning = isRunning;
    this.#toolbar.show(isRunning, this.#detail);
  }

  #toggle(): void {
    this.#setRunning(!this.#isRunning);
    if (this.#isRunning) this.#client.play("full");
    else this.#client.pause();
  }

  async #choose(file: Blob, name: string): Promise<void> {
    const number = ++this.#pictures;
    try {
      const source = await readSource(file, name);
      const copy = await smallCopy(source);
      if (number !== this.#pictures) return source.bitmap.close();
      this.#setSource(source, copy);
      await this.#prepare();
    } catch (error) {
      notice("bad", error instanceof Error ? error.message : String(error));
    }
  }

  #setSource(source: Source | undefined, copy: File | undefined): void {
    this.#source?.bitmap.close();
    this.#source = source;
    this.#copy = copy;
  }

  /** What is kept, to continue from after a reload. */
  async #readRun() {
    const query = writeImageAddress(this.#settings).toString();
    const kept = keptOf(await this.#client.readParameters());
    return { query, ...kept, ...(this.#copy && { attachment: this.#copy }) };
  }

  async #goOnFrom(run: SavedRun): Promise<void> {
    const { size, own } = readImageAddress(new URLSearchParams(run.query));
    const settings = { ...sizes[size ?? "small"], ...own };
    const from = startOf(run, network(imageNetwork(settings)).parameterCount);
    const copy = run.attachment instanceof File ? run.attachment : undefined;
    this.#setSource(copy && (await readSource(copy, copy.name)), copy);
    this.#settings = settings;
    this.#isSizeChosen = true;
    this.#isRunning = true;
    this.#showState();
    await this.#prepare(from);
  }

  #savePainting(): void {
    this.#stage.canvas.toBlob((blob) => blob && download("painting.png", blob), "image/png");
  }

  async #saveNetwork(): Promise<void> {
    const learned = this.#learned;
    if (!learned) return;
    const { parameters } = await this.#client.readParameters();
    const { encodeImageModel } = await import("./modelFile.ts");
    const { network, options } = learned;
    const bytes = encodeImageModel({ network, parameters, ...options });
    download("image.safetensors", new Blob([Uint8Array.from(bytes)], { type: "application/octet-stream" }));
  }
}
