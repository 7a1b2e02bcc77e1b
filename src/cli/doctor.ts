import process from "node:process";
import type { Command } from "commander";
import { workedExample } from "../explain.ts";
import {
  createModel,
  type Device,
  type DeviceChoice,
  deviceChoices,
  network,
  type PlanReport,
  selfTest,
} from "../node.ts";
import { Stop, exitCodes } from "./exitCodes.ts";
import { openDevice } from "./files.ts";
import { name } from "./flags.ts";
import { grouped } from "./numbers.ts";
import { type Output, createOutput } from "./output.ts";
import { working } from "./work.ts";

const examples = `Examples:
  thalweg doctor
  thalweg doctor --device software --json
`;

interface DoctorFlags {
  readonly device: DeviceChoice;
  readonly json?: boolean;
}

type SelfTest = Awaited<ReturnType<typeof selfTest>>;

/** What to install for a hardware GPU; undefined where there is one. */
function advice({ kind }: Device, platform: string): string[] {
  if (kind === "gpu") return [];
  const driver: Record<string, string> = {
    linux: "a Vulkan driver: NVIDIA's own, or for AMD and Intel apt-get install mesa-vulkan-drivers libvulkan1",
    win32: "the newest graphics driver from your GPU's vendor",
    darwin: "nothing: Metal is part of macOS, unless this is a virtual machine",
  };
  const lines = [`for a hardware GPU: ${driver[platform] ?? "a Vulkan driver"}`];
  if (kind === "reference")
    lines.push("for WebGPU in software: npm install webgpu, and Chrome or Chromium (apt-get install chromium)");
  return lines;
}

function showDevice(output: Output, device: Device): void {
  const { adapter, limits, features } = device.details();
  output.result("device", `${device.name} (${device.kind})`);
  if (device.fallbackReason !== undefined) output.result("reason", device.fallbackReason);
  output.result("system", `Node ${process.versions.node}, ${process.platform} ${process.arch}`);
  for (const [key, value] of Object.entries(adapter)) output.result("adapter", `${key}: ${value || "not reported"}`);
  for (const [key, value] of Object.entries(limits)) output.result("limit", `${key.padEnd(42)} ${grouped(value)}`);
  if (features.length > 0) output.result("features", features.join(", "));
}

function showChecks(output: Output, { checks, ms }: SelfTest): void {
  for (const { name: label, deviation, bound, passed } of checks) {
    const figures = `deviation ${deviation.toExponential(1)}, bound ${bound.toExponential(1)}`;
    output.result("self-test", `${passed ? "passed" : "FAILED"}  ${label.padEnd(28)} ${figures}`);
  }
  const failed = checks.filter(({ passed }) => !passed).length;
  output.result("", `${checks.length - failed} of ${checks.length} checks passed in ${Math.round(ms)} ms`);
}

/** How the device trains the smallest network there is: a GPU may offload it. */
async function planSmallest(device: Device): Promise<PlanReport> {
  const model = await createModel(network(workedExample.network), { device });
  const plan = await model.plan({
    inputs: Float32Array.from(workedExample.input),
    targets: Float32Array.from(workedExample.target),
  });
  model.dispose();
  return plan;
}

async function doctor(flags: DoctorFlags): Promise<void> {
  const output = createOutput(flags);
  const device = await openDevice(output, flags.device);
  try {
    showDevice(output, device);
    const plan = await planSmallest(device);
    output.result("plan", `network 2-2-2-1, one row per step: ${plan.strategy}: ${plan.reason}`);
    const test = await working(output, "testing the device against the CPU", () => selfTest(device));
    showChecks(output, test);
    const install = advice(device, process.platform);
    for (const line of install) output.result("install", line);
    const passed = test.checks.every((check) => check.passed);
    const { kind, name: deviceName, fallbackReason } = device;
    output.record({
      command: "doctor",
      device: { kind, name: deviceName, fallbackReason, ...device.details() },
      system: { node: process.versions.node, platform: process.platform, arch: process.arch },
      plan,
      selfTest: test,
      install,
      exitCode: passed ? 0 : exitCodes.failed[0],
    });
    if (!passed)
      throw new Stop("the device computes wrong numbers: use --device reference, and report this", exitCodes.failed[0]);
  } finally {
    device.dispose();
  }
}

export function addDoctorCommand(program: Command): void {
  program
    .command("doctor")
    .summary("show the device, compare its results with the CPU, and say what to install")
    .description(examples.trim())
    .option("--device <kind>", deviceChoices.join(", "), name("--device", deviceChoices), "auto")
    .option("--json", "print one JSON object instead of text")
    .action(doctor);
}
