// Learns a picture: pixels and what the network makes of them come and go, everything between stays here.

import { Seldom } from "../worker/seldom.ts";
import { serveSession } from "../worker/serveSession.ts";
import type { FrameContext, Rendered } from "../worker/frame.ts";
import type { SessionSettings } from "../worker/protocol.ts";
import { fourierFeatures, wholePicture } from "./fourierFeatures.ts";
import { Painter } from "./paint.ts";
import type { ImageFrame, ImageOptions } from "./protocol.ts";

/** Drawing may take half of the time at most, and the exact error a tenth. */
const paintingShare = 1;
const scoringShare = 9;

const painting = new Seldom(paintingShare);
const scoring = new Seldom(scoringShare);
let painter = new Painter(new Float64Array());
let options: ImageOptions | undefined;

/** The page sends colours alone: inputs are made here, where they keep nobody waiting. */
function complete(settings: SessionSettings<ImageOptions>): SessionSettings<ImageOptions> {
  const { frequencies, width, height } = settings.options;
  const inputs = fourierFeatures(frequencies, wholePicture({ width, height }));
  return { ...settings, data: { inputs, targets: settings.data.targets } };
}

async function render(context: FrameContext<ImageOptions>): Promise<Rendered<ImageFrame>> {
  const { model, settings, isRunning } = context;
  const isDue = !isRunning || options !== context.options;
  options = context.options;
  const { raster, frequencies } = options;
  if (painter.frequencies !== frequencies) painter = new Painter(frequencies);
  const pixels = await painting.when(isDue, () => painter.paint(model, raster));
  const scores = await scoring.when(!isRunning, () => model.evaluate(settings.data));
  const content = { painting: pixels && { pixels, raster }, meanSquared: scores?.losses[0] };
  return { content, transfer: pixels ? [pixels.buffer] : [] };
}

serveSession(render, complete);
