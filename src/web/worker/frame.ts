import type { AnyNetwork, Model, Progress, Checkpoint, StoppingResult } from "../../index.ts";
import type { SessionSettings } from "./protocol.ts";

/** What a view's frame function may look at. Between two frames nothing else happens to the model. */
export interface FrameContext<Options> {
  readonly model: Model<AnyNetwork>;
  readonly settings: SessionSettings<Options>;
  readonly options: Options;
  readonly step: number;
  /** The current step of the training; undefined before the first step, and for large models. */
  readonly state: Checkpoint | undefined;
  /** The last event of the training; undefined before any, and after going back. */
  readonly progress: Progress | undefined;
  /** How early stopping has gone so far, in steps of the session; undefined without it. */
  readonly earlyStopping: StoppingResult | undefined;
  /** More frames follow by themselves: one may be quick rather than complete. */
  readonly isRunning: boolean;
  readonly isFinished: boolean;
}

/** What a view shows at once; arrays named in `transfer` are moved to the page. */
export interface Rendered<Frame> {
  readonly content: Frame;
  readonly transfer?: readonly Transferable[];
}

export type FrameFunction<Options, Frame> = (context: FrameContext<Options>) => Promise<Rendered<Frame>>;
