// One training step as a walk: stops with their formulas, in the order in which they are computed.

import { type Trace } from "../../index.ts";
import { describeStep, referenceStep, type StepLine, type StepStart } from "../../explain.ts";
import { net, parameters } from "./numbers.ts";
import { aboutStop } from "./sentences.ts";
import type { Plan, Stop } from "./stop.ts";

/** A step walked through, and the one after it. */
export interface Lesson {
  readonly start: StepStart;
  readonly trace: Trace;
  readonly lines: readonly StepLine[];
  readonly stops: readonly Stop[];
  /** Loss and outputs with the updated numbers. */
  readonly next: Trace;
}

const layerTitle = (layer: number): string => (layer === net.layers.length - 1 ? "output layer" : `layer ${layer + 1}`);

function forwardStop(line: StepLine): Plan {
  const isSum = line.quantity.text.startsWith("z_");
  const node = line.quantity.text.slice(2);
  const part = `Forward, ${layerTitle(line.layer!)}`;
  return isSum
    ? { kind: "sum", part, title: `Weighted sum of ${node}`, lines: [line] }
    : { kind: "activation", part, title: `Activation of ${node}`, lines: [line] };
}

/** The three factors of one node. */
function factorStops(lines: readonly StepLine[]): Plan[] {
  return lines.flatMap((line, at) => {
    if (!line.quantity.text.startsWith("δ_")) return [];
    const node = line.quantity.text.slice(2);
    const part = `Backward, ${layerTitle(line.layer!)}`;
    return {
      kind: "factors" as const,
      part,
      title: `Gradient at ${node}`,
      lines: lines.slice(at - 2, at + 1),
    };
  });
}

const layerOf = new Map(parameters.map(({ name, layer }) => [name, layer]));

/** From the output layer to the first, as the derivatives become known; weights before biases. */
function gradientStops(lines: readonly StepLine[]): Plan[] {
  const nameOf = ({ quantity }: StepLine): string => quantity.text.replace("∂L/∂", "");
  return net.layers.toReversed().flatMap(({ index }) =>
    lines
      .filter((line) => layerOf.get(nameOf(line)) === index)
      .map((line) => ({
        kind: "gradient" as const,
        part: `Gradients, ${layerTitle(index)}`,
        title: `Gradient of ${nameOf(line)}`,
        lines: [line],
      })),
  );
}

function updateStops(lines: readonly StepLine[]): Plan[] {
  return net.layers.map(({ index }) => ({
    kind: "update",
    part: "Update",
    title: `Updated parameters, ${layerTitle(index)}`,
    lines: lines.filter(({ quantity }) => layerOf.get(quantity.text) === index),
  }));
}

function planOf(lines: readonly StepLine[]): Plan[] {
  const of = (section: StepLine["section"]): StepLine[] => lines.filter((line) => line.section === section);
  return [
    { kind: "given", part: "Given", title: "A network and its target", lines: of("given") },
    ...of("forward").map(forwardStop),
    { kind: "loss", part: "Loss", title: "Loss of the output", lines: of("loss") },
    ...factorStops(of("factors")),
    ...gradientStops(of("gradients")),
    ...updateStops(of("update")),
    { kind: "after", part: "After", title: "Effect of the step", lines: [] },
  ];
}

/** Derives one step of gradient descent from its numbers: about a millisecond. */
export function createLesson(start: StepStart): Lesson {
  const trace = referenceStep(net, start);
  const next = referenceStep(net, { ...start, parameters: trace.after });
  const { input, target, learningRate } = start;
  const lines = describeStep({ network: net, reference: trace, input, target, learningRate });
  const stops = planOf(lines).map((plan) => ({ ...plan, sentence: aboutStop(plan, lines, next) }));
  return { start, trace, lines, stops, next };
}

/** What is known at a stop, as texts of symbols; `→w1` stands for the updated w1. */
export function knownAt({ stops }: Lesson, stop: number): ReadonlySet<string> {
  const lines = stops.slice(0, stop + 1).flatMap(({ lines }) => lines);
  return new Set(lines.map(({ section, quantity }) => (section === "update" ? `→${quantity.text}` : quantity.text)));
}
