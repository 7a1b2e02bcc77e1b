import type { Device } from "./device.ts";

/** Devices that end with another one: what computes beside it, and what took its place when it was lost. */
export class Companions {
  readonly #all: Device[] = [];
  #isDisposed = false;

  get isDisposed(): boolean {
    return this.#isDisposed;
  }

  add(companion: Device): void {
    if (this.#isDisposed) companion.dispose();
    else this.#all.push(companion);
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const companion of this.#all.splice(0)) companion.dispose();
  }
}
