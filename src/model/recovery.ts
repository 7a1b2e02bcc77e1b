/** A device that was lost in the middle of a training. */
export interface DeviceLoss {
  /** Step that the training goes on from: what came after is computed once more. */
  readonly step: number;
  /** In one line. */
  readonly why: string;
}

/** A loss, and what took the place of the device. */
export interface Recovery extends DeviceLoss {
  /** Name of the device that computes from here on. */
  readonly device: string;
  /** From the loss until the training went on. */
  readonly ms: number;
}
