import fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { InvalidInput, tuningFile } from "../src/node.ts";
import { matmul, ones, tuneMatmul } from "../src/tensor.ts";
import { faultOf } from "./support/fault.ts";
import { shareDevice } from "./support/sharedDevice.ts";

const device = shareDevice();
let folder = "";
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), "thalweg-tuning-"));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

test("a file keeps texts by key, also in folders that do not exist yet", async () => {
  const file = path.join(folder, "some", "folder", "tuning.json");
  const cache = tuningFile(file);
  expect(await cache.read("a")).toBeUndefined();
  await cache.write("a", "first");
  await tuningFile(file).write("b", "other");
  await cache.write("a", 'second "text"');
  await cache.write("__proto__", "no prototype");
  const found = await Promise.all(["a", "b", "__proto__", "toString"].map((key) => tuningFile(file).read(key)));
  expect(found).toEqual(['second "text"', "other", "no prototype", undefined]);
  expect(fs.readdirSync(path.dirname(file))).toEqual(["tuning.json"]);
});

test("a file that holds anything else counts as empty, is rewritten, and what it held is kept", async () => {
  const file = path.join(folder, "broken.json");
  const kept: string[] = [];
  for (const text of ["", "{", "null", "[1]", '"text"', '{"a": 1}']) {
    fs.writeFileSync(file, text);
    expect(await tuningFile(file).read("a"), text).toBeUndefined();
    await tuningFile(file).write("a", "text");
    expect(await tuningFile(file).read("a"), text).toBe("text");
    if (text === "") continue;
    kept.push(text);
    const backup = `${file}.bak${kept.length === 1 ? "" : kept.length}`;
    expect(fs.readFileSync(backup, "utf8")).toBe(text);
  }
});

test("a file without a name is refused; one that cannot be written is reported by write", async () => {
  expect(faultOf(() => tuningFile(""))).toBeInstanceOf(InvalidInput);
  await expect(tuningFile(folder).write("a", "text")).rejects.toThrow();
  expect(await tuningFile(folder).read("a")).toBeUndefined();
});

test("a tuning finds in its file what one before it has measured", async () => {
  const file = path.join(folder, "tuning.json");
  const first = await tuneMatmul(device(), { cache: tuningFile(file) });
  using a = ones(device(), [20, 20]);
  using product = matmul(a, a);
  expect((await product.read())[399]).toBe(20);
  await first.settled();
  first.dispose();
  using second = await tuneMatmul(device(), { cache: tuningFile(file) });
  expect(second.entries()).toHaveLength(1);
  expect(second.entries()).toEqual(first.entries());
});
