// The loss over training steps.

import { svg } from "../dom.ts";
import { inWords } from "./sentences.ts";

const width = 420;
const height = 170;
const inset = { left: 52, right: 14, top: 12, bottom: 26 };

const label = (text: string, x: number, y: number, anchor: string): SVGElement =>
  svg("text", { x, y, "text-anchor": anchor, "dominant-baseline": "central" }, text);

/** @param losses before each step, and after the last */
export function drawCurve(losses: readonly number[]): SVGSVGElement {
  const steps = losses.length - 1;
  const finite = losses.filter(Number.isFinite);
  const most = Math.max(...finite, 1e-12);
  const x = (step: number): number => inset.left + ((width - inset.left - inset.right) * step) / Math.max(steps, 1);
  const y = (loss: number): number => height - inset.bottom - ((height - inset.top - inset.bottom) * loss) / most;
  const points = losses.flatMap((loss, step) =>
    Number.isFinite(loss) ? [`${x(step).toFixed(1)},${y(loss).toFixed(1)}`] : [],
  );
  const [end = ""] = points.slice(-1);
  const [endX, endY] = end.split(",");
  const [first, last] = [inWords(losses[0]!), inWords(losses.at(-1)!)];
  const about = steps === 0 ? `Loss ${last}, no step taken yet` : `Loss over ${steps} steps: from ${first} to ${last}`;
  return svg(
    "svg",
    { class: "curve", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": about },
    ...[0, 0.5, 1].flatMap((share) => [
      svg("line", { class: "grid", x1: inset.left, x2: width - inset.right, y1: y(most * share), y2: y(most * share) }),
      label(inWords(Number((most * share).toPrecision(2))), inset.left - 8, y(most * share), "end"),
    ]),
    label("0", x(0), height - 10, "middle"),
    label(steps === 0 ? "" : `${steps} ${steps === 1 ? "step" : "steps"}`, width - inset.right, height - 10, "end"),
    ...(steps === 0
      ? [svg("text", { class: "nothing", x: 236, y: 48, "text-anchor": "middle" }, "Run steps to see the loss.")]
      : []),
    svg("polyline", { class: "losses", points: points.join(" ") }),
    svg("circle", { class: "newest", cx: endX ?? 0, cy: endY ?? 0, r: 4 }),
  );
}
