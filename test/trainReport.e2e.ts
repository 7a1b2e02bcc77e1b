// What `thalweg train` and `evaluate` tell beside the loss, and what train writes of its course.

import { expect, test } from "vitest";
import { cars, cpu, penguins, read, thalweg, trainPenguins, useFolder, write } from "./support/thalweg.ts";

useFolder();

const json = ["--json", "--quiet"];
const short = [...cpu, "--epochs", "5"];

test("--metrics of classes: on the rows held out, of each class, and by the same definitions while it trains", async () => {
  const flags = ["--metrics", "f1,roc-auc,top2", "--output", "m.safetensors"];
  const { stdout } = await thalweg([...trainPenguins, ...short, ...flags]);
  expect(stdout).toMatch(
    /\n +f1 [\d.]+ \(Adelie [\d.]+, Chinstrap [\d.]+, Gentoo [\d.]+\)\n +rocAuc .*\n +top2 [\d.]+\n/,
  );
  const told = JSON.parse((await thalweg([...trainPenguins, ...short, ...flags, ...json])).stdout);
  const { metrics, macroF1, perClass } = told.heldOut;
  expect(Object.keys(metrics)).toEqual(["f1", "rocAuc", "top2"]);
  expect(metrics.f1).toBe(macroF1);
  expect(perClass.f1).toHaveLength(3);
  for (const name of Object.keys(metrics)) expect(told.training.validation.metrics[name]).toBeCloseTo(metrics[name], 9);
  expect(told.training.validation.memberMetrics.f1).toHaveLength(1);
});

test("--metrics of numbers are in the units of the table, while it trains too", async () => {
  const flags = ["--target", "Miles_per_Gallon", "--metrics", "rmse,mae,r2", "--output", "cars.safetensors"];
  const { heldOut, training } = JSON.parse((await thalweg(["train", cars, ...flags, ...short, ...json])).stdout);
  const [{ rmse, r2 }] = heldOut.columns;
  expect(heldOut.metrics).toMatchObject({ rmse, r2 });
  for (const name of ["rmse", "mae", "r2"]) {
    expect(training.validation.metrics[name]).toBeCloseTo(heldOut.metrics[name], 9);
  }
  const evaluated = await thalweg(["evaluate", "cars.safetensors", cars, "--metrics", "mae,mape", ...cpu]);
  expect(evaluated.stdout).toMatch(/^score +Miles_per_Gallon: RMSE .*\nscore +mae [\d.]+\nscore +mape 0\.\d+\nloss /);
});

test("metrics that do not fit end the command before a device is opened", async () => {
  const wrong = async (metrics: string) => {
    const { code, stderr } = await thalweg([...trainPenguins, ...cpu, "--metrics", metrics]);
    expect(code).toBe(2);
    expect(stderr).not.toContain("device");
    return stderr;
  };
  expect(await wrong("acuracy")).toMatch(
    /^thalweg: train: --metrics: expected metrics of classes among accuracy, .*, got acuracy; did you mean accuracy\?\n$/,
  );
  expect(await wrong("mae")).toMatch(/got mae; mae is for numbers, not for classes\n$/);
  const evaluated = await thalweg(["evaluate", "penguins.safetensors", penguins, "--metrics", "top9"]);
  expect(evaluated.stderr).toMatch(/evaluate: --metrics: .* got top9; top takes a number from 2 to 2/);
});

const textOf = (name: string): string => new TextDecoder().decode(read(name));

test("--history writes the course of the training as CSV, JSON or a picture, and keeps what it replaces", async () => {
  const run = (file: string, ...more: string[]) =>
    thalweg([...trainPenguins, ...cpu, "--epochs", "7", "--metrics", "f1", "--history", file, "--output", "h.safetensors", ...more]); // prettier-ignore
  const { stdout } = await run("course.csv");
  expect(stdout).toMatch(/\nhistory +course\.csv \(\d+ B\)\nsaved /);
  const [header, ...lines] = textOf("course.csv").trimEnd().split("\n");
  expect(header).toBe("epoch,step,loss,validationLoss,validationAccuracy,f1,learningRate,elapsedMs");
  const rows = lines.map((line) => line.split(",").map(Number));
  expect(rows.map(([epoch, step]) => [epoch, step])).toEqual([1, 2, 3, 4, 5, 6, 7].map((epoch) => [epoch, 9 * epoch]));
  expect(rows.flat().every(Number.isFinite)).toBe(true);
  const told = JSON.parse((await run("course.json", "--json")).stdout);
  const { points, lossName } = JSON.parse(textOf("course.json"));
  expect(lossName).toBe("softmaxCrossEntropy");
  expect(points.map(({ loss }: { loss: number }) => loss)).toEqual(rows.map(([, , loss]) => loss)); // same seed, same course
  expect(points.at(-1)).toMatchObject({ validationLoss: told.training.validation.loss, metrics: { f1: told.heldOut.metrics.f1 } }); // prettier-ignore
  expect(told.history).toBe("course.json");

  await run("course.svg");
  expect(textOf("course.svg")).toMatch(
    /^<svg data-kind="thalweg-history" xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^]*<path[^]*training[^]*validation[^]*<\/svg>\n$/,
  );
  expect((await run("course.csv")).stdout).toMatch(/history +course\.csv .*, the old one is in course\.csv\.bak\n/);
  write("mine.csv", "a,b\n1,2\n");
  const refused = await run("mine.csv");
  expect(refused).toMatchObject({ code: 2, stdout: "" });
  expect(refused.stderr).toMatch(
    /--history mine\.csv: expected a new file, or a history that thalweg train --history wrote/,
  );
  expect((await run("course.txt")).stderr).toMatch(/--history course\.txt: expected a file \.csv, \.json or \.svg/);
});
