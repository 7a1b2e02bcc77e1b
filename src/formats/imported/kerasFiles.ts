import { BadFile } from "../../errors.ts";
import { readZip } from "../../data/binary/zip.ts";
import type { Loss } from "../../graph/network.ts";
import { stack, type StackedLayer, type StackOptions, naturally } from "./denseStack.ts";
import { buildKeras, type KerasLayer, kerasLayers } from "./keras.ts";
import { type ImportedModel, unsupported, type Values } from "./networkDraft.ts";

// Weights that Keras wrote: HDF5 (.h5, and inside .keras), and the shards of TensorFlow.js.

const damaged = "the file is damaged: save it again";

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new BadFile({ place, expected: "valid JSON", got: JSON.stringify(text.slice(0, 60)), fix: damaged, cause });
  }
}

/** Matrices and vectors of an HDF5 file by path, and its text attribute model_config. */
interface Hdf5 {
  readonly datasets: ReadonlyMap<string, Values>;
  readonly config: string | undefined;
}

const maxDatasets = 10_000;

async function readHdf5(bytes: Uint8Array, place: string): Promise<Hdf5> {
  const { Dataset, File, Group } = await import("jsfive");
  try {
    const file = new File(new Uint8Array(bytes).buffer, place);
    const datasets = new Map<string, Values>();
    const walk = (group: InstanceType<typeof Group>, path: string, depth: number): void => {
      if (depth > 32) throw new Error("groups nested more than 32 deep");
      for (const key of group.keys) {
        const own = `${path}/${key}`;
        const item: unknown = group.get(key);
        if (item instanceof Group) walk(item, own, depth + 1);
        else if (item instanceof Dataset && !/(^|\/)optimizer/.test(path)) {
          const shape = [...item.shape];
          const size = shape.reduce((product, length) => product * length, 1);
          if (size > bytes.length || datasets.size >= maxDatasets) throw new Error(`${size} values in ${own}`);
          if (shape.length > 0) datasets.set(own, { shape, values: item.value as ArrayLike<number> });
        }
      }
    };
    walk(file, "", 0);
    const config: unknown = file.attrs["model_config"];
    return { datasets, config: typeof config === "string" ? config : undefined };
  } catch (cause) {
    const got = JSON.stringify(cause instanceof Error ? cause.message : String(cause)).slice(0, 120);
    throw new BadFile({ place, expected: "a whole HDF5 file", got, fix: damaged, cause });
  }
}

/** Groups with a matrix: dense layers, in the natural order of their paths. */
function layersOf({ datasets }: Hdf5, place: string): StackedLayer[] {
  const groups = new Map<string, Values[]>();
  for (const [path, values] of [...datasets].sort(([a], [b]) => naturally(a, b))) {
    const parent = path.slice(0, path.lastIndexOf("/")).replace(/\/vars$/, "");
    groups.set(parent, [...(groups.get(parent) ?? []), values]);
  }
  return [...groups].map(([name, values]): StackedLayer => {
    const weights = values.find(({ shape }) => shape.length === 2);
    const bias = values.find(({ shape }) => shape.length === 1);
    if (!weights || values.length > 2 || (values.length === 2 && !bias)) {
      throw unsupported(place, name, `tensors ${values.map(({ shape }) => `[${shape.join(", ")}]`).join(", ")}`);
    }
    return { name, weights, bias };
  });
}

/** The name that a layer's group ends with, or has as a part of its path. */
const isOf = (path: string, name: string): boolean => path.split("/").includes(name);

function weightsByName(stored: readonly StackedLayer[], layers: readonly KerasLayer[], place: string) {
  const dense = layers.filter(({ kind }) => kind === "Dense");
  return (layer: KerasLayer) => {
    const named = stored.find(({ name }) => isOf(name, layer.name));
    const found = named ?? (stored.length === dense.length ? stored[dense.indexOf(layer)] : undefined);
    if (!found)
      throw new BadFile({ place: `${place}: ${layer.name}`, expected: "its weights", got: "none", fix: damaged });
    return { kernel: found.weights, bias: found.bias };
  };
}

/** Reads `.weights.h5`, whose layers are dense and one behind the other, or `.h5` with its architecture. */
export async function readKerasH5(
  bytes: Uint8Array,
  place: string,
  options: StackOptions,
  loss: Loss | undefined,
): Promise<ImportedModel> {
  const file = await readHdf5(bytes, place);
  const stored = layersOf(file, place);
  if (file.config === undefined) return stack(stored, place, options);
  const layers = kerasLayers(parseJson(file.config, place), place);
  return buildKeras(layers, weightsByName(stored, layers, place), place, loss);
}

/** Reads `.keras`: a zip archive of config.json and model.weights.h5. */
export async function readKerasArchive(
  bytes: Uint8Array,
  place: string,
  loss: Loss | undefined,
): Promise<ImportedModel> {
  const entries = new Map(readZip(bytes, place).map((entry) => [entry.name, entry]));
  const [config, weights] = [entries.get("config.json"), entries.get("model.weights.h5")];
  if (!config || !weights) {
    const got = entries.has("archive/data.pkl") || [...entries.keys()].some((name) => name.endsWith("/data.pkl"));
    const fix = got
      ? "save its state_dict as safetensors (safetensors.torch.save_file), or export it as ONNX"
      : "save the model with model.save('model.keras')";
    const what = got ? "a pickle of PyTorch" : "another archive";
    throw new BadFile({ place, expected: "config.json and model.weights.h5 of Keras", got: what, fix });
  }
  const layers = kerasLayers(parseJson(new TextDecoder().decode(await config.read()), place), place);
  const file = await readHdf5(await weights.read(), place);
  return buildKeras(layers, weightsByName(layersOf(file, place), layers, place), place, loss);
}

interface TfjsEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

const isEntry = (value: unknown): value is TfjsEntry => {
  const { name, shape, dtype } = (value ?? {}) as Record<string, unknown>;
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
  return typeof name === "string" && typeof dtype === "string" && isShape;
};

/** Tensors of the shards, which are cut anywhere and follow each other. */
function tfjsTensors(manifest: unknown, files: ReadonlyMap<string, Uint8Array>, place: string): Map<string, Values> {
  const tensors = new Map<string, Values>();
  for (const group of Array.isArray(manifest) ? (manifest as unknown[]) : []) {
    const { paths, weights } = (group ?? {}) as { paths?: unknown; weights?: unknown };
    const parts = (Array.isArray(paths) ? paths : []).map((name) => {
      const part = files.get(String(name));
      const fix = "pass the shards beside model.json";
      if (!part) throw new BadFile({ place: `${place}: weightsManifest`, expected: `the file ${JSON.stringify(name)}`, got: "none", fix }); // prettier-ignore
      return part;
    });
    const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    let start = 0;
    for (const entry of Array.isArray(weights) ? (weights as unknown[]) : []) {
      const size = isEntry(entry) ? entry.shape.reduce((product, length) => product * length, 4) : -1;
      if (!isEntry(entry) || entry.dtype !== "float32" || start + size > bytes.length) {
        const got = isEntry(entry) ? `${entry.name} of ${entry.dtype}, ${size} bytes` : "another entry";
        const fix = "save the model without quantisation, with all its shards";
        throw new BadFile({
          place: `${place}: weightsManifest`,
          expected: "float32 tensors within the shards",
          got,
          fix,
        });
      }
      tensors.set(entry.name, {
        shape: entry.shape,
        values: new Float32Array(bytes.slice(start, start + size).buffer),
      });
      start += size;
    }
  }
  return tensors;
}

/** Whether JSON is a model of TensorFlow.js. */
export const isTfjs = (text: string): boolean => /"modelTopology"/.test(text.slice(0, 100_000));

/** Reads `model.json` of TensorFlow.js with its shards by their names. */
export function readTfjs(
  text: string,
  files: ReadonlyMap<string, Uint8Array>,
  place: string,
  loss: Loss | undefined,
): ImportedModel {
  const json = parseJson(text, place) as Record<string, unknown>;
  const topology = (json["modelTopology"] ?? {}) as Record<string, unknown>;
  const layers = kerasLayers(topology["model_config"] ?? topology, place);
  const tensors = tfjsTensors(json["weightsManifest"], files, place);
  const weightsOf = ({ name }: KerasLayer) => {
    const kernel = tensors.get(`${name}/kernel`);
    if (!kernel) throw new BadFile({ place: `${place}: ${name}`, expected: "a kernel", got: "none", fix: damaged });
    return { kernel, bias: tensors.get(`${name}/bias`) };
  };
  return buildKeras(layers, weightsOf, place, loss);
}

/** Names of the shards that a `model.json` needs. */
export function tfjsShards(text: string): string[] {
  const json = parseJson(text, "model.json") as { weightsManifest?: unknown } | null;
  const groups = Array.isArray(json?.weightsManifest) ? (json.weightsManifest as { paths?: unknown }[]) : [];
  return groups.flatMap((group) => (Array.isArray(group?.paths) ? group.paths.map(String) : []));
}
