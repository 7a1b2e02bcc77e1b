// What the command line says about how it understood a table, on small tables that each show a kind of fault.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cpu, thalweg, useFolder, write } from "./support/thalweg.ts";

useFolder();

const fault = (name: string): string => join(import.meta.dirname, "faults", name);
const train = (name: string, target: string, ...flags: string[]) =>
  thalweg(["train", fault(name), "--target", target, ...cpu, "--epochs", "4", "--output", `${target}.safetensors`, ...flags]); // prettier-ignore

describe("train", () => {
  test("fills missing cells and names the columns", async () => {
    const { code, stderr, stdout } = await train("13-missing.csv", "Survived");
    expect(code).toBe(0);
    expect(stderr).toMatch(/data +13-missing\.csv: 200 rows × 4 columns \(CSV\), .*120 rows with missing cells filled/);
    expect(stderr).toMatch(
      /note +120 of 200 rows have missing cells, in "Cabin" \(95\), "Age" \(37\): cells are filled/,
    );
    expect(stdout).toMatch(/balanced accuracy [\d.]+ % \(by chance 50\.0 %\), macro F1 0\.\d+\n +true \\ predicted +no +yes\n +no +\d+ +\d+\n +yes +\d+ +\d+\n/); // prettier-ignore
    const dropped = await train("13-missing.csv", "Survived", "--missing-cells", "drop", "--json");
    expect(JSON.parse(dropped.stdout).data).toMatchObject({ droppedRows: 120, filledRows: 0, trainingRows: 64 });
  });

  test("says first how the target was understood, and which flag changes it", async () => {
    const { stderr } = await train("07-large-labels.csv", "id");
    expect(stderr).toMatch(
      /predict +id: 3 classes \(9007199254740992, 9007199254740993, 9007199254740996\)\n +3 different whole numbers are classes; --task regression treats them as amounts\n/,
    );
    const { stdout } = await thalweg(["predict", "id.safetensors", fault("07-large-labels.csv"), ...cpu, "--quiet"]);
    const [header, ...lines] = stdout.trimEnd().split("\n");
    expect(header).toBe("id,probability 9007199254740992,probability 9007199254740993,probability 9007199254740996");
    for (const line of lines) expect(line).toMatch(/^900719925474099[236],/);
  });

  test("ignores an id, and says how to keep it", async () => {
    const { stderr } = await train("10-id-and-noise.csv", "Species");
    expect(stderr).toMatch(/ignored +Id: named like an id, 150 different values\n +pass --columns to use such columns/);
    const kept = await train("10-id-and-noise.csv", "Species", "--columns", "Id");
    expect(kept.stderr).toMatch(/from +Id: number/);
  });
});

describe("predict and evaluate", () => {
  test("an unseen category is reported with its place; --strict makes it an error", async () => {
    expect(await train("01-train.csv", "label")).toMatchObject({ code: 0 });
    const use = ["predict", "label.safetensors", fault("01-new.csv"), ...cpu];
    const { code, stdout, stderr } = await thalweg(use);
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(4);
    expect(stderr).toMatch(/note +01-new\.csv: line 3, column "colour": "magenta" was not seen in training and is encoded as no category\n/); // prettier-ignore
    expect(stderr).toMatch(/note +pass --strict to make unseen values an error\n/);
    const json = JSON.parse((await thalweg([...use, "--json"])).stdout);
    expect(json.unseen.map(({ value }: { value: string }) => value)).toEqual(["magenta", "turquoise"]);
    const strict = await thalweg([...use, "--strict", "--quiet"]);
    expect(strict).toMatchObject({ code: 3, stdout: "" });
    expect(strict.stderr).toMatch(/line 3, column "colour": expected one of .*, got "magenta"/);
  });

  test("an unseen class is an error that names the cell", async () => {
    expect(await train("01-labels-train.csv", "label")).toMatchObject({ code: 0 });
    const use = ["evaluate", "label.safetensors", fault("01-labels-evaluate.csv"), ...cpu, "--quiet"];
    const { code, stderr } = await thalweg(use);
    expect(code).toBe(3);
    expect(stderr).toMatch(/line 2, column "label": expected one of .*, got "broken"/);
  });

  test("predicted prices differ in cents", async () => {
    expect(await train("04-price.csv", "price")).toMatchObject({ code: 0 });
    const { stdout } = await thalweg(["predict", "price.safetensors", fault("04-price.csv"), ...cpu, "--quiet"]);
    const prices = stdout.trimEnd().split("\n").slice(1);
    expect(new Set(prices).size).toBeGreaterThan(190);
    for (const price of prices) expect(price).toMatch(/^1234\d{4}\.\d{3,5}$|^1234\d{4}(?:\.\d+)?$/);
  });

  test("a later date predicts, in another form as well", async () => {
    expect(await train("10-dates.csv", "rain")).toMatchObject({ code: 0 });
    write("later.csv", "date,temp\n2031-12-24,3\n2032-01-06,4\n");
    write("points.csv", "date,temp\n24.12.2031,3\n06.01.2032,4\n");
    const predict = async (file: string) => (await thalweg(["predict", "rain.safetensors", file, ...cpu, "--quiet"])).stdout; // prettier-ignore
    expect((await predict("later.csv")).split("\n")).toHaveLength(4);
    expect(await predict("points.csv")).toBe(await predict("later.csv"));
  });
});
