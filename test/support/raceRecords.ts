import { summarize } from "../../bench/measure/statistics.ts";
import type { FailedRow, Point, RaceRecord, TimedRow } from "../../bench/race/record.ts";

// Records made up for tests of what is written from them.

const counts = {
  rounds: 64,
  dispatches: 640,
  submits: 1,
  passes: 1,
  createBuffer: 0,
  createBindGroup: 128,
  createPipeline: 0,
  writeBuffer: 1,
  writeBufferBytes: 16_384,
  mapAsync: 1,
};

const work: Point["work"] = { flops: 2e6, bytes: 4e5, samples: 1024, networks: 1 };

type Named = Pick<TimedRow, "contender"> & Partial<TimedRow>;

/** A row with these samples, its ratios against `base`. */
export function timedRow(samples: number[], base: readonly number[], { contender, ...rest }: Named): TimedRow {
  const summary = summarize(samples);
  const ratios = samples.map((ms, block) => ms / base[block]!);
  return {
    status: "timed",
    contender,
    label: `${contender}, as it comes`,
    version: "1.2.3",
    isNoise: false,
    check: { deviations: [{ rounds: 100, deviation: 8.2e-8, bound: 1e-5 }], passed: true },
    audit: { deviations: [{ rounds: 4096, deviation: 3.1e-6, bound: 1e-3 }], passed: true },
    prepareMs: 12.5,
    firstRoundMs: 48.25,
    roundsPerBlock: 128,
    samples,
    summary,
    handOver: summarize(samples.map((ms) => ms / 4)),
    ratios,
    ratio: summarize(ratios),
    gpu: { samples: [summary.median / 2], medianMs: summary.median / 2, passesPerRound: 1, resolutionNs: 1 },
    counts,
    rates: {
      flopsPerSecond: (1000 * work.flops) / summary.median,
      bytesPerSecond: (1000 * work.bytes) / summary.median,
      flopsShare: 0.031,
      bytesShare: 0.011,
    },
    hiddenBlocks: 0,
    notes: [],
    ...rest,
  };
}

export const failedRow = (contender: string, status: FailedRow["status"], reason: string): FailedRow => ({
  status,
  contender,
  label: `${contender}, as it comes`,
  version: "1.2.3",
  reason,
});

export function point(x: number, rows: Point["rows"], own: Partial<Point> = {}): Point {
  return { name: `b${x}`, x, description: `2-2-2-1 sigmoid, ${x} samples`, work, rows, ...own };
}

const machine: RaceRecord["machine"] = {
  date: "2027-01-02T03:04:05.678Z",
  host: "chrome",
  hostVersion: "Chrome/149.0.7812.0",
  versions: { thalweg: "0.2.0" },
  gitRevision: "0123456789ab",
  flags: ["--enable-unsafe-webgpu"],
  adapter: { vendor: "google", architecture: "swiftshader", device: "", description: "" },
  isFallbackAdapter: true,
  kind: "software",
  features: ["timestamp-query"],
  limits: { maxBufferSize: 2 ** 30 },
  cores: 2,
  cpu: "Some CPU",
  loadAverage: [0.5, 0.25, 0.125],
  crossOriginIsolated: true,
  timerStepMs: 0.005,
};

export function raceRecord(races: RaceRecord["races"], own: Partial<RaceRecord> = {}): RaceRecord {
  return {
    schemaVersion: 2,
    bench: "race",
    machine,
    protocol: { blocks: 12, blockMs: 100, seed: "fixed" },
    ceilings: {
      gpu: { flopsPerSecond: 3.2e10, bytesPerSecond: 2.7234e9, emptyNs: 10_112, dependentNs: 12_208.3 },
      cpu: { flopsPerSecond: 1.6e10, bytesPerSecond: 8e9 },
    },
    races,
    problems: [],
    ...own,
  };
}
