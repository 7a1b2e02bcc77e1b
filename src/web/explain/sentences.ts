// What happens at a stop, in plain words.

import type { Trace } from "../../index.ts";
import type { StepLine } from "../../explain.ts";
import { names } from "./numbers.ts";
import { writeNumber } from "./shownDigits.ts";
import type { Plan } from "./stop.ts";

/** Four significant digits: what a sentence can bear. */
export const inWords = (value: number): string => writeNumber(value, "4");

type Lines = readonly StepLine[];

const resultOf = (lines: Lines, quantity: string): number =>
  lines.find(({ quantity: { text }, section }) => text === quantity && section !== "update")!.result;

const direction = (change: number): string => {
  if (change === 0) return "stays the same";
  return `goes ${change > 0 ? "up" : "down"} by ${inWords(Math.abs(change))}`;
};

function aboutGiven(lines: Lines): string {
  const inputs = names.inputs.map((name) => inWords(resultOf(lines, name))).join(" and ");
  return (
    `For the inputs ${inputs} the network should answer ${inWords(resultOf(lines, "t"))}. ` +
    "Walk through one training step; change any number to see its effect."
  );
}

function aboutSum({ quantity: { text }, result }: StepLine): string {
  const node = text.slice(2);
  return (
    `${node} takes each value that comes in times the weight of its link, and adds its bias: ` +
    `${inWords(result)}, which is ${result > 0 ? "above" : result < 0 ? "below" : "exactly"} zero.`
  );
}

function aboutActivation(line: StepLine, lines: Lines): string {
  const node = line.quantity.text.slice(2);
  const { result } = line;
  const tendency = result > 0.9 ? ": nearly all the way up" : result < 0.1 ? ": nearly off" : "";
  return (
    `The sigmoid turns ${inWords(resultOf(lines, `z_${node}`))} into a value between 0 and 1: ${inWords(result)}` +
    `${tendency}.`
  );
}

function aboutLoss(lines: Lines): string {
  const [output, target] = [resultOf(lines, "a_y"), resultOf(lines, "t")];
  const distance = inWords(Math.abs(output - target));
  const side = output === target ? "exactly" : output > target ? `${distance} above` : `${distance} below`;
  return `The answer ${inWords(output)} is ${side} the target ${inWords(target)}. The loss is half the square of that.`;
}

function aboutFactors(lines: Lines): string {
  const [outer, slope, delta] = lines.map(({ result }) => result) as [number, number, number];
  const node = lines[2]!.quantity.text.slice(2);
  const flat = slope < 0.02 ? " The sigmoid is nearly flat there, so little gets through." : "";
  const reach = outer === 0 ? "would not change" : `would ${outer > 0 ? "rise" : "fall"}`;
  return (
    `If ${node} answered a little more, the loss ${reach}; the sigmoid lets ${inWords(slope)} of that through. ` +
    `So per unit of z the loss changes by ${inWords(delta)}.${flat}`
  );
}

function aboutGradient({ quantity: { text }, result }: StepLine): string {
  const name = text.replace("∂L/∂", "");
  if (result === 0) return `Moving ${name} a little does not change the loss.`;
  const change = inWords(Math.abs(result) / 1000);
  return `Make ${name} larger by 0.001, and the loss ${result > 0 ? "rises" : "falls"} by about ${change}.`;
}

function aboutUpdate(own: Lines, lines: Lines): string {
  const strongest = own.reduce((best, line) => (changeOf(line, lines) > changeOf(best, lines) ? line : best));
  const name = strongest.quantity.text;
  const before = resultOf(lines, name);
  const gradient = resultOf(lines, `∂L/∂${name}`);
  const reason = gradient > 0 ? "a larger one would make the loss larger" : "a larger one makes the loss smaller";
  if (gradient === 0 || strongest.result === before)
    return "Nothing moves: the gradients or the learning rate are zero.";
  return (
    `Each number moves against its gradient. ${name} moves most: it ${direction(strongest.result - before)}, ` +
    `because ${reason}.`
  );
}

const changeOf = ({ quantity, result }: StepLine, lines: Lines): number =>
  Math.abs(result - resultOf(lines, quantity.text));

function aboutAfter(lines: Lines, next: Trace): string {
  const [before, after] = [resultOf(lines, "L"), next.losses[0]!];
  const outputs = `${inWords(resultOf(lines, "a_y"))} to ${inWords(next.activations.at(-1)![0]!)}`;
  const change = after < before ? "falls" : after > before ? "rises" : "stays";
  const warning = after > before ? " The step was too long: a smaller learning rate would help." : "";
  return (
    `With the new numbers the answer goes from ${outputs}, and the loss ${change} ` +
    `from ${inWords(before)} to ${inWords(after)}.${warning}`
  );
}

/** One or two sentences about a stop. @param next the step after this one */
export function aboutStop({ kind, lines: own }: Plan, lines: Lines, next: Trace): string {
  switch (kind) {
    case "given":
      return aboutGiven(lines);
    case "sum":
      return aboutSum(own[0]!);
    case "activation":
      return aboutActivation(own[0]!, lines);
    case "loss":
      return aboutLoss(lines);
    case "factors":
      return aboutFactors(own);
    case "gradient":
      return aboutGradient(own[0]!);
    case "update":
      return aboutUpdate(own, lines);
    default:
      return aboutAfter(lines, next);
  }
}
