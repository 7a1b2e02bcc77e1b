import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { contenders } from "../contenders/table.ts";
import type { Chrome } from "../hosts/openChrome.ts";
import { type FolderServer, serveFolder } from "../hosts/serve.ts";
import { summarize } from "../measure/statistics.ts";
import type { LoadFailure, LoadRow } from "../race/record.ts";
import type { LoadPage } from "./loadPages.ts";

export interface LoadRaceOptions {
  /** Folder with a built page per contender. */
  readonly folder: string;
  readonly pages: readonly LoadPage[];
  readonly samples: number;
  /** False: no page is cross-origin isolated. */
  readonly isolated: boolean;
  /** First value of the parameters after one step, in float64. */
  readonly expected: number;
  readonly signal: AbortSignal;
  onSample(contender: string, done: number, total: number): void;
  tell(text: string): void;
}

/** float32 against float64 after one step of values below 1; what took no step is off by 1e-3 and more. */
const bound = 1e-5;
const patienceMs = 120_000;

interface Lane {
  readonly contender: string;
  readonly server: FolderServer;
  readonly folder: string;
  readonly samples: number[];
  served: readonly string[];
  failure: string | undefined;
}

const orderOf = <T>(lanes: readonly T[], round: number): readonly T[] => (round % 2 === 0 ? lanes : lanes.toReversed());

/** Opens the page in a context without any cache. */
async function takeSample(chrome: Chrome, lane: Lane, { tell, expected }: LoadRaceOptions): Promise<number> {
  const { page, failure, close } = await chrome.openPage((text) => tell(`${lane.contender}: ${text}`));
  const tooLate = AbortSignal.timeout(patienceMs);
  try {
    const measured = page
      .goto(lane.server.url, { waitUntil: "load", timeout: patienceMs })
      .then(() => page.evaluate(() => globalThis.thalwegFirstStep));
    const late = new Promise<never>((_, reject) =>
      tooLate.addEventListener("abort", () => reject(new Error(`no first step within ${patienceMs / 1000} s`))),
    );
    const first = await Promise.race([measured, failure, late]);
    if (!first) throw new Error("its page has no first step");
    const deviation = Math.abs(first.value - expected);
    if (!(deviation <= bound)) throw new Error(`after a step the first parameter is ${first.value}, not ${expected}`);
    return first.ms;
  } finally {
    await close();
  }
}

async function openLane({ contender, isIsolated }: LoadPage, options: LoadRaceOptions): Promise<Lane> {
  const folder = join(options.folder, contender);
  const server = await serveFolder({ folder, isolated: options.isolated && isIsolated });
  return { contender, server, folder, samples: [], served: [], failure: undefined };
}

const isScript = (path: string): boolean => /\.m?js$/.test(path);
const isWasm = (path: string): boolean => path.endsWith(".wasm");

function bytesOf({ folder, served }: Lane, isKind: (path: string) => boolean) {
  const contents = served.filter(isKind).map((path) => readFileSync(join(folder, path)));
  const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
  return {
    bytes: sum(contents.map((content) => content.length)),
    gzipBytes: sum(contents.map((content) => gzipSync(content, { level: 9 }).length)),
  };
}

function rowOf(lane: Lane): LoadRow | LoadFailure {
  const { contender, samples, failure } = lane;
  const label = contenders.find(({ name }) => name === contender)?.label ?? contender;
  if (failure !== undefined) return { contender, label, reason: failure };
  const script = bytesOf(lane, isScript);
  const wasm = bytesOf(lane, isWasm);
  return {
    contender,
    label,
    samples,
    summary: summarize(samples),
    scriptBytes: script.bytes,
    scriptGzipBytes: script.gzipBytes,
    wasmBytes: wasm.bytes,
    wasmGzipBytes: wasm.gzipBytes,
  };
}

/** Rounds A, B, …, B, A; the first is thrown away, since in it Chrome itself is still starting. */
async function runRounds(chrome: Chrome, lanes: readonly Lane[], options: LoadRaceOptions): Promise<void> {
  const total = lanes.length * (options.samples + 1);
  let done = 0;
  for (let round = 0; round <= options.samples; round++) {
    for (const lane of orderOf(lanes, round)) {
      options.signal.throwIfAborted();
      options.onSample(lane.contender, done++, total);
      if (lane.failure !== undefined) continue;
      try {
        const ms = await takeSample(chrome, lane, options);
        lane.served = lane.server.takeServed();
        if (round > 0) lane.samples.push(ms);
      } catch (error) {
        lane.failure = (error as Error).message;
      }
    }
  }
}

/** Times pages from their navigation to their first training step, read back. */
export async function raceToLoad(chrome: Chrome, options: LoadRaceOptions): Promise<(LoadRow | LoadFailure)[]> {
  const lanes: Lane[] = [];
  try {
    for (const page of options.pages) lanes.push(await openLane(page, options));
    await runRounds(chrome, lanes, options);
    return lanes.map(rowOf);
  } finally {
    await Promise.all(lanes.map(({ server }) => server.close()));
  }
}
