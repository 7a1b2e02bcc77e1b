import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { version } from "../../package.json";
import { contenders } from "../contenders/table.ts";
import { gitRevision, webgpuVersion } from "../measure/machine.ts";
import type { RaceHost } from "../race/host.ts";
import { encodeRows } from "../race/rows.ts";
import { type StartThread, threads } from "./lane.ts";

/** @param fork starts a process that runs child.ts, with `serialization: "advanced"` */
function starterOf(fork: () => ChildProcess): StartThread {
  return (name, { message, ended }) => {
    const child = fork();
    child.on("message", message);
    child.on("error", ({ message: reason }) => ended(reason));
    child.on("exit", (code, signal) => ended(`the process of ${name} ended with ${signal ?? `status ${code}`}`));
    return {
      post: (value) => void (child.connected && child.send(value as object)),
      terminate: () => void child.kill("SIGKILL"),
    };
  };
}

const files = { penguins: "penguins.json", flights: "flights-10k.json" } as const;

function readTable(name: keyof typeof files): string {
  const entry = createRequire(import.meta.url).resolve("vega-datasets"); // the package exports its module alone
  return readFileSync(join(dirname(entry), "..", "data", files[name]), "utf8");
}

/** Races in Node, every contender in a process of its own. */
export function createNodeHost(fork: () => ChildProcess): RaceHost {
  const cores = availableParallelism();
  return {
    name: "node",
    cards: contenders,
    ...threads(starterOf(fork), cores),
    rows: async (name) => encodeRows(name, readTable(name)),
    machine: () => {
      const revision = gitRevision();
      return Promise.resolve({
        host: "node",
        hostVersion: `Node ${process.version}`,
        versions: { thalweg: version, webgpu: webgpuVersion() },
        ...(revision === undefined ? {} : { gitRevision: revision }),
        cores,
        cpu: cpus()[0]?.model ?? "unknown",
        loadAverage: loadavg(),
        crossOriginIsolated: true,
      });
    },
    visibility: { shown: () => Promise.resolve(), wasHiddenSince: () => false },
  };
}
