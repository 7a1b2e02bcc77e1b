import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import type { GpuDevice } from "../../src/backend/webgpu/device.ts";

/** What a figure depends on beside the code: no names of hosts or users. */
export interface NodeMachine {
  readonly date: string;
  readonly adapter: Readonly<Record<string, string>>;
  readonly isFallbackAdapter: boolean;
  readonly kind: "gpu" | "software";
  readonly limits: Readonly<Record<string, number>>;
  readonly features: readonly string[];
  readonly versions: { readonly thalweg: string; readonly node: string; readonly webgpu: string };
  readonly gitRevision: string | undefined;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly loadAverage: readonly number[];
}

const root = join(import.meta.dirname, "..", "..");

const versionIn = (path: string): string => (JSON.parse(readFileSync(path, "utf8")) as { version: string }).version;

export function webgpuVersion(): string {
  const entry = createRequire(import.meta.url).resolve("webgpu");
  return versionIn(join(entry, "..", "package.json"));
}

/** Revision of the sources, with a + where they were changed since; undefined without git. */
export function gitRevision(): string | undefined {
  const git = (...words: string[]): string =>
    execFileSync("git", words, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed = git("status", "--porcelain", "--", "src", "shaders", "bench/**/*.ts", "bench/**/*.wgsl") !== "";
    return git("rev-parse", "--short=12", "HEAD") + (changed ? "+" : "");
  } catch {
    return undefined;
  }
}

export function nodeMachine(device: GpuDevice): NodeMachine {
  const { adapter, limits, features } = device.details();
  return {
    date: new Date().toISOString(),
    adapter,
    isFallbackAdapter: device.gpu.adapterInfo.isFallbackAdapter,
    kind: device.kind,
    limits,
    features,
    versions: { thalweg: versionIn(join(root, "package.json")), node: process.version, webgpu: webgpuVersion() },
    gitRevision: gitRevision(),
    cpu: { model: cpus()[0]?.model ?? "unknown", cores: cpus().length },
    loadAverage: loadavg(),
  };
}

/** `google-swiftshader`: vendor and architecture, fit for a file name. */
export function adapterSlug({ adapter, kind }: Pick<NodeMachine, "adapter" | "kind">): string {
  const name = [adapter.vendor, adapter.architecture].filter(Boolean).join("-") || adapter.description || kind;
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}
