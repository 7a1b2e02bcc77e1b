/** A device was lost in the middle of a training, and the training went on. */
export interface Recovery {
  /** Step that it went on from: what came after was computed once more. */
  readonly step: number;
  /** What befell the device, in one line. */
  readonly why: string;
  /** Name of the device that computes from here on. */
  readonly device: string;
  /** From the loss until the training went on. */
  readonly ms: number;
}
