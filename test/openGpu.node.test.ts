import { expect, test } from "vitest";
import { isSoftware } from "../src/backend/webgpu/adapter.ts";
import { acquire } from "../src/node.ts";
import { openGpu } from "../src/node/openGpu.ts";

test("openGpu finds an adapter and keeps its one Dawn instance", async () => {
  const first = await openGpu();
  expect(first).toMatchObject({ adapterKind: expect.stringMatching(/^(hardware|software)$/) });
  expect((await openGpu()).gpu).toBe(first.gpu);
});

test("openGpu gives the software adapter on demand and leaves the environment as it was", async () => {
  const before = { ...process.env };
  const opened = await openGpu({ software: "only" });
  expect(opened).toMatchObject({ adapterKind: "software" });
  expect(await opened.gpu?.requestAdapter()).not.toBeNull();
  expect({ ...process.env }).toEqual(before);
});

test("openGpu without the software adapter finds hardware or says what is missing", async () => {
  const opened = await openGpu({ software: "never" });
  if (opened.gpu) expect(opened.adapterKind).toBe("hardware");
  else expect(opened.reason).toMatch(/no hardware adapter; install/);
});

test("openGpu and acquire agree on what is software", async () => {
  const { gpu } = await openGpu({ software: "only" });
  const adapter = await gpu?.requestAdapter();
  expect(isSoftware(adapter!.info)).toBe(true);
  const device = await acquire({ device: "software" });
  expect(device.kind).toBe("software");
  device.dispose();
});
