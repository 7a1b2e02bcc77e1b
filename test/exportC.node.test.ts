import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { exportModule } from "../src/data.ts";
import { acquire, activationNames, type AnyNetwork, createModel, dense, lossNames, network } from "../src/index.ts";
import { largestDifference } from "./support/compare.ts";
import { graphCases, graphData, graphParameters } from "./support/graphs.ts";

const rows = 5;
/** Some thirty roundings of 2⁻²⁴, of which a quotient by a sum that cancels makes twice as much. */
const bound = 4e-6;
const compiler = ["cc", "gcc", "clang"].find((name) => spawnSync(name, ["--version"]).status === 0);
const folder = mkdtempSync(join(tmpdir(), "thalweg-c-"));
afterAll(() => rmSync(folder, { recursive: true }));

const cases: readonly (readonly [string, AnyNetwork])[] = [
  ...activationNames.map(
    (name) => [name, network({ inputs: 3, loss: "squaredError", layers: [dense(7, name), dense(2, name)] })] as const,
  ),
  ...lossNames.map((loss) => [loss, network({ inputs: 5, loss, layers: [dense(5, "tanh"), dense(4)] })] as const),
  ...graphCases.map((one) => [one.name, one.network] as const),
];

/** Prints the answers of all networks, each a function of a file of its own. */
function program(): string {
  const calls = cases.map(([, net], index) => {
    const { inputs } = graphData(net, rows, index);
    const values = Array.from(inputs, (value) => `${value}f`.replace(/^(-?\d+)f$/, "$1.0f")).join(", ");
    return [
      `void network${index}(const float x[${net.inputs}], float y[${net.outputs}]);`,
      `static void run${index}(void) {`,
      `  const float inputs[] = { ${values} };`,
      `  float y[${net.outputs}];`,
      `  for (int row = 0; row < ${rows}; row++) {`,
      `    network${index}(inputs + row * ${net.inputs}, y);`,
      `    for (int unit = 0; unit < ${net.outputs}; unit++) printf("%.9g ", y[unit]);`,
      "  }",
      '  printf("\\n");',
      "}",
    ].join("\n");
  });
  const main = `int main(void) { ${cases.map((_, index) => `run${index}();`).join(" ")} return 0; }`;
  return ["#include <stdio.h>", ...calls, main].join("\n");
}

// A machine without a C compiler counts this as skipped; the same statements in JavaScript and WGSL are tested everywhere.
test.runIf(compiler)("C99 without a warning, which answers as the reference does", { timeout: 120_000 }, async () => {
  const files = cases.map(([, net], index) => {
    const file = join(folder, `network${index}.c`);
    const model = { network: net, members: 1, parameters: graphParameters(net, index) };
    writeFileSync(file, exportModule(model, { to: "c", name: `network${index}` }));
    return file;
  });
  const main = join(folder, "main.c");
  writeFileSync(main, program());
  const binary = join(folder, "networks");
  const flags = ["-std=c99", "-O0", "-Wall", "-Wextra", "-Werror", "-pedantic"];
  execFileSync(compiler!, [...flags, "-o", binary, main, ...files, "-lm"], { stdio: "pipe" });
  const lines = execFileSync(binary, { encoding: "utf8" }).trim().split("\n");
  const device = await acquire({ device: "reference" });
  const worst = await Promise.all(
    cases.map(async ([name, net], index) => {
      const { inputs } = graphData(net, rows, index);
      const model = await createModel(net, { device, parameters: graphParameters(net, index) });
      const wanted = Float64Array.from(await model.predict(inputs));
      const got = Float64Array.from(lines[index]!.trim().split(" "), Number);
      return [name, largestDifference(got, wanted) / Math.max(1e-3, ...wanted.map(Math.abs))] as const;
    }),
  );
  expect(worst.filter(([, deviation]) => !(deviation < bound)).map(String)).toEqual([]);
});
