import { Companions } from "../companions.ts";
import type { Device, DeviceDetails, Ledger } from "../device.ts";
import type { TensorBackend } from "../tensorBackend.ts";
import { ReferenceTensorBackend } from "./tensorBackend.ts";

/** The float64 CPU reference as a device. */
export class ReferenceDevice implements Device {
  readonly kind = "reference";
  readonly name = "CPU, float64 reference";
  readonly ledger: Ledger = { buffers: 0, bytes: 0 };
  readonly fallbackReason: string | undefined;
  readonly tensorBackend: TensorBackend = new ReferenceTensorBackend(this.ledger);

  readonly #companions = new Companions();

  constructor(why: string) {
    this.fallbackReason = why;
  }

  details(): DeviceDetails {
    return { adapter: {}, limits: {}, features: [] };
  }

  get isDisposed(): boolean {
    return this.#companions.isDisposed;
  }

  accompany(companion: Device): void {
    this.#companions.add(companion);
  }

  /** It works on: there is nothing to free. */
  dispose(): void {
    this.#companions.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
