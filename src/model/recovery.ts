/** A device was lost in the middle of a training, and the training continued. */
export interface Recovery {
  /** Step that it continued from: what came after was computed once more. */
  readonly step: number;
  /** Why the device was replaced, in one line. */
  readonly why: string;
  /** Name of the device that computes from here on. */
  readonly device: string;
  /** From the loss until the training continued. */
  readonly ms: number;
}

/** How a lost device is replaced. */
interface Rescue {
  readonly isOfDevice: (error: unknown) => boolean;
  /** Goes back to a state on another device. @throws the error where that cannot be */
  readonly recover: (error: unknown) => Promise<void>;
}

/** Does work again, as often as another device is found for one that was lost meanwhile. */
export async function recovering<T>(work: () => Promise<T>, rescue: Rescue): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await recoverFrom(error, rescue);
    }
  }
}

/** A recovery may be interrupted by another loss. */
async function recoverFrom(error: unknown, rescue: Rescue): Promise<void> {
  try {
    await rescue.recover(error);
  } catch (second) {
    if (second === error || !rescue.isOfDevice(second)) throw second;
    await recoverFrom(second, rescue);
  }
}
