import { InvalidInput } from "../../errors.ts";
import { type AnyNetwork, parametersOf } from "../../graph/graphNetwork.ts";
import type { SavedModel } from "../modelFile.ts";

/**
 * Parameters of a model as those that another training starts from: [members, parameterCount]. A model of one network starts all members.
 * @param place what messages call the model
 * @throws InvalidInput where a layer has another shape, which it names
 */
export function initialParameters(
  { network, members, parameters }: Pick<SavedModel, "network" | "members" | "parameters">,
  wanted: AnyNetwork,
  count: number,
  place: string,
): Float32Array {
  const [own, others] = [parametersOf(wanted), parametersOf(network)];
  const fix = "choose --layers as the model has them, and columns and target that give it its inputs and outputs";
  for (let index = 0; index < Math.max(own.length, others.length); index++) {
    const [expected, got] = [own[index], others[index]];
    if (expected && got && String(expected.shape) === String(got.shape)) continue;
    const shown = (part: (typeof own)[number] | undefined): string => (part ? `[${part.shape.join(", ")}]` : "none");
    const where = `${place}: ${(got ?? expected)!.name}`;
    throw new InvalidInput({
      place: where,
      expected: `shape ${shown(expected)} of the network to train`,
      got: shown(got),
      fix,
    });
  }
  if (members === count) return parameters;
  if (members !== 1) {
    const more = `pass --members ${members}`;
    throw new InvalidInput({ place, expected: `1 or ${count} members`, got: String(members), fix: more });
  }
  const all = new Float32Array(count * parameters.length);
  for (let member = 0; member < count; member++) all.set(parameters, member * parameters.length);
  return all;
}
