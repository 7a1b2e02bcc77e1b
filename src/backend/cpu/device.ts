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

  constructor(why: string) {
    this.fallbackReason = why;
  }

  details(): DeviceDetails {
    return { adapter: {}, limits: {}, features: [] };
  }

  dispose(): void {}
  [Symbol.dispose](): void {}
}
