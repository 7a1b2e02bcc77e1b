/** Longest wait for a page to show a frame. */
const patienceMs = 1000;

/** Whether the page has shown what it was sent: it gets one frame at a time. */
export class FrameGate {
  #sent = 0;
  #shown = 0;
  #onShown: (() => void) | undefined;
  /** A frame was wanted while the gate was closed. */
  isDue = false;

  get isOpen(): boolean {
    return this.#sent === this.#shown;
  }

  /** @returns the number of the frame that is sent now */
  send(): number {
    this.isDue = false;
    return ++this.#sent;
  }

  show(frame: number): void {
    this.#shown = Math.max(this.#shown, frame);
    this.release();
  }

  /** Forgets what was sent: the page will not show it. */
  open(): void {
    this.#shown = this.#sent;
  }

  /** Ends a wait. */
  release(): void {
    this.#onShown?.();
    this.#onShown = undefined;
  }

  /** Resolves when the page has shown the last frame, when released, or after a second: a page may be frozen. */
  async opened(): Promise<void> {
    if (this.isOpen) return;
    await new Promise<void>((resolve) => {
      this.#onShown = resolve;
      setTimeout(resolve, patienceMs);
    });
  }
}
