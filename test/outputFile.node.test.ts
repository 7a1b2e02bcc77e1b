// Which files may be written: nothing of the user's is lost.

import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimOutput, modelKind, sweepTableKind } from "../src/cli/outputFile.ts";
import { encodeModel } from "../src/data.ts";
import { InvalidInput, dense, network } from "../src/node.ts";
import { writeAtomically } from "../src/node/writeAtomically.ts";

let folder = "";
const { XDG_STATE_HOME } = process.env;
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "thalweg-output-"));
  process.env["XDG_STATE_HOME"] = join(folder, ".state");
});
afterEach(() => {
  if (XDG_STATE_HOME === undefined) delete process.env["XDG_STATE_HOME"];
  else process.env["XDG_STATE_HOME"] = XDG_STATE_HOME;
  fs.chmodSync(folder, 0o700);
  fs.rmSync(folder, { recursive: true, force: true });
});

const at = (name: string): string => join(folder, name);
const put = (name: string, content: string | Uint8Array, mode = 0o644): string => {
  fs.writeFileSync(at(name), content);
  fs.chmodSync(at(name), mode);
  return at(name);
};
const textOf = (name: string): string => fs.readFileSync(at(name), "latin1");
const names = (): string[] => fs.readdirSync(folder).toSorted();

/** A model whose only weight is `weight`. */
function modelBytes(weight: number): Uint8Array {
  const net = network({ inputs: 1, layers: [dense(1)], loss: "huber" });
  return encodeModel({ network: net, members: 1, parameters: Float32Array.of(weight, 0) });
}
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const messageOf = (run: () => unknown): string => {
  try {
    run();
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

const table = "a,y\n1,2\n";
const claim = (name: string, more: { inputs?: string[]; force?: boolean } = {}) =>
  claimOutput({ file: at(name), flag: "--output", kind: modelKind, inputs: [], force: false, ...more });
const isPosix = process.platform !== "win32";
const isRoot = process.getuid?.() === 0;

describe("refused", () => {
  const refuses = (message: RegExp, run: () => unknown): void => {
    const before = names();
    expect(run).toThrow(InvalidInput);
    expect(run).toThrow(message);
    expect(names()).toEqual(before);
  };

  test("the table that is read, also through links, whatever its spelling", () => {
    const file = put("table.csv", table);
    fs.symlinkSync(file, at("link.csv"));
    fs.symlinkSync(at("link.csv"), at("link2.csv"));
    fs.linkSync(file, at("hard.csv"));
    fs.mkdirSync(at("sub"));
    const spellings = ["table.csv", "./table.csv", "sub/../table.csv", "link.csv", "link2.csv", "hard.csv"];
    for (const input of spellings) {
      for (const output of spellings) {
        for (const force of [false, true]) {
          const inputs = [join(folder, input), folder];
          refuses(/a file other than the input/, () => claim(output, { inputs, force }));
        }
      }
    }
    expect(textOf("table.csv")).toBe(table);
  });

  test("a model that is read", () => {
    const file = put("m.safetensors", modelBytes(1));
    refuses(/a file other than the input/, () => claim("m.safetensors", { inputs: [file], force: true }));
  });

  test("what is no model of ours, also with --force", () => {
    put("notes.txt", "my notes");
    put("other.safetensors", Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 123, 125));
    put("foreign.safetensors", latin1(modelBytes(1)).replace('"thalweg"', '"another"'));
    for (const name of ["notes.txt", "other.safetensors", "foreign.safetensors"]) {
      for (const force of [false, true]) {
        refuses(/a new file, or a model that thalweg wrote, got a file of \d+ B that is neither/, () =>
          claim(name, { force }),
        );
      }
    }
  });

  test("a folder, a folder that is not there, no name, stdout", () => {
    fs.mkdirSync(at("sub"));
    refuses(/got a folder/, () => claim("sub"));
    refuses(/got a folder/, () => claim("new/"));
    refuses(/a file in an existing folder, got no folder .*nowhere; create/, () => claim("nowhere/m.safetensors"));
    const at1 = (file: string) => () =>
      claimOutput({ file, flag: "--output", kind: modelKind, inputs: [], force: false });
    refuses(/the name of a file, got none/, at1(""));
    refuses(/the name of a file, got stdout/, at1("-"));
  });

  test.skipIf(!isPosix)("a model that is read-only, also for root", () => {
    put("m.safetensors", modelBytes(1), 0o444);
    refuses(/got a file that is read-only/, () => claim("m.safetensors", { force: true }));
  });

  test.skipIf(!isPosix || isRoot)("a folder that is read-only", () => {
    fs.mkdirSync(at("locked"), 0o500);
    refuses(/a place where a file can be created, got no permission in /, () => claim("locked/m.safetensors"));
  });

  test("links that lead nowhere, or to themselves", () => {
    fs.symlinkSync(at("nowhere/m.safetensors"), at("a"));
    fs.symlinkSync(at("b"), at("b"));
    refuses(/no folder /, () => claim("a"));
    refuses(/--output .*b: expected/, () => claim("b"));
  });

  test("the model's own path for the table of a sweep, and a table that no sweep wrote", () => {
    const model = claim("m.csv");
    const claimTable = (name: string) => () =>
      claimOutput({ file: at(name), flag: "--csv", kind: sweepTableKind, inputs: [], others: [model], force: true });
    refuses(/a file other than the model/, claimTable("m.csv"));
    refuses(/a file other than the model/, claimTable("./m.csv"));
    put("own.csv", table);
    refuses(/a table that thalweg sweep --csv wrote/, claimTable("own.csv"));
    put("sweep.csv", "member,rank,heldOutLoss\n0,1,0.5\n");
    expect(claimTable("sweep.csv")().old).toBe("a table of a sweep");
  });
});

describe("written", () => {
  test("a new file leaves nothing beside it", () => {
    expect(claim("m.safetensors").write(modelBytes(1), true)).toBeUndefined();
    expect(names()).toEqual(["m.safetensors"]);
  });

  test("an empty file, as mktemp creates it, is no loss", () => {
    put("empty", "");
    expect(claim("empty").write(modelBytes(1), false)).toBeUndefined();
    expect(names()).toEqual(["empty"]);
  });

  test("models that exist are reported, and kept one after the other", () => {
    const models = [1, 2, 3, 4].map(modelBytes);
    put("m.safetensors", models[0]!);
    expect(claim("m.safetensors").old).toBe("a model, 1-1");
    for (const [index, finished] of [true, false, true].entries()) {
      const suffix = index === 0 ? "" : index + 1;
      const kept = claim("m.safetensors").write(models[index + 1]!, finished);
      expect(kept).toBe(`${fs.realpathSync(at("m.safetensors"))}.bak${suffix}`);
      expect(textOf(`m.safetensors.bak${suffix}`)).toBe(latin1(models[index]!));
    }
    expect(textOf("m.safetensors")).toBe(latin1(models[3]!));
    expect(names().length).toBe(4);
  });

  test("the same bytes again keep nothing", () => {
    put("m.safetensors", modelBytes(1));
    expect(claim("m.safetensors").write(modelBytes(1), false)).toBeUndefined();
    expect(names()).toEqual(["m.safetensors"]);
  });

  test("--force keeps no copy where the work is finished, and one where it is not", () => {
    put("m.safetensors", modelBytes(1));
    expect(claim("m.safetensors", { force: true }).write(modelBytes(2), true)).toBeUndefined();
    expect(names()).toEqual(["m.safetensors"]);
    expect(claim("m.safetensors", { force: true }).write(modelBytes(3), false)).toMatch(/\.bak$/);
    expect(textOf("m.safetensors.bak")).toBe(latin1(modelBytes(2)));
  });

  test("what has come into being during the work is kept, also with --force", () => {
    const output = claim("m.safetensors", { force: true });
    put("m.safetensors", table);
    expect(output.write(modelBytes(1), true)).toMatch(/\.bak$/);
    expect(textOf("m.safetensors.bak")).toBe(table);
  });

  test("through a link to its target; the link stays, also one to a file that did not exist", () => {
    fs.mkdirSync(at("store"));
    put("store/old.safetensors", modelBytes(1));
    fs.symlinkSync(join("store", "old.safetensors"), at("a"));
    fs.symlinkSync(join("store", "new.safetensors"), at("b"));
    claim("a").write(modelBytes(2), true);
    claim("b").write(modelBytes(3), true);
    expect(["a", "b"].map((name) => fs.lstatSync(at(name)).isSymbolicLink())).toEqual([true, true]);
    expect(textOf("store/old.safetensors")).toBe(latin1(modelBytes(2)));
    expect(textOf("store/old.safetensors.bak")).toBe(latin1(modelBytes(1)));
    expect(textOf("store/new.safetensors")).toBe(latin1(modelBytes(3)));
  });

  test("a second name of the old file still has the old content", () => {
    put("m.safetensors", modelBytes(1));
    fs.linkSync(at("m.safetensors"), at("mine"));
    claim("m.safetensors", { force: true }).write(modelBytes(2), true);
    expect(textOf("mine")).toBe(latin1(modelBytes(1)));
  });

  test.skipIf(!isPosix)("with the permissions that the file had", () => {
    for (const mode of [0o600, 0o640, 0o664, 0o755]) {
      put("m.safetensors", modelBytes(mode), mode);
      claim("m.safetensors", { force: true }).write(modelBytes(mode + 1), true);
      expect(fs.statSync(at("m.safetensors")).mode & 0o777).toBe(mode);
    }
  });

  test("a name that differs in case is another file where the file system distinguishes case", () => {
    const input = put("table.csv", table);
    const isOne = fs.existsSync(at("TABLE.CSV"));
    const run = () => claim("TABLE.CSV", { inputs: [input] });
    if (isOne) expect(run).toThrow(/other than the input/);
    else expect(run().old).toBeUndefined();
  });

  test.skipIf(!isPosix)("a device is written, not replaced", () => {
    claimOutput({ file: "/dev/null", flag: "--output", kind: modelKind, inputs: [], force: false }).write(
      modelBytes(1),
      true,
    );
    expect(fs.statSync("/dev/null").isCharacterDevice()).toBe(true);
  });

  test("where the folder is gone during the work the bytes are saved elsewhere", () => {
    fs.mkdirSync(at("sub"));
    const output = claim("sub/m.safetensors");
    fs.rmSync(at("sub"), { recursive: true });
    const message = messageOf(() => output.write(modelBytes(7), true));
    const [, copy = ""] = /ENOENT.*; what was to be written is in (.*)$/.exec(message) ?? [];
    expect(fs.readFileSync(copy, "latin1")).toBe(latin1(modelBytes(7)));
    if (process.platform === "linux") expect(copy).toContain(at(".state/thalweg/rescued"));
  });

  test.skipIf(process.platform !== "linux")(
    "and where the state folder takes nothing, in that for temporary files",
    () => {
      const full = claimOutput({ file: "/dev/full", flag: "--output", kind: modelKind, inputs: [], force: false });
      process.env["XDG_STATE_HOME"] = "/proc/nothing";
      const [, copy = ""] =
        /ENOSPC.*; what was to be written is in (.*)$/.exec(messageOf(() => full.write(modelBytes(7), true))) ?? [];
      expect(fs.readFileSync(copy, "latin1")).toBe(latin1(modelBytes(7)));
      fs.rmSync(join(copy, ".."), { recursive: true });
      const { TMPDIR } = process.env;
      process.env["TMPDIR"] = "/proc/nothing";
      expect(messageOf(() => full.write(modelBytes(7), true))).toMatch(
        /ENOSPC.*; it could not be written elsewhere either$/,
      );
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
    },
  );

  test("what killed programs have left beside the file is removed, and nothing else", () => {
    const old = new Date(Date.now() - 3_600_000);
    const stale = [".m.safetensors.0a1b2c3d.tmp", ".m.safetensors.1.tmp"];
    const kept = [
      ".m.safetensors.ffffffff.tmp",
      ".n.safetensors.0a1b2c3d.tmp",
      "m.safetensors.0a1b2c3d.tmp",
      ".m.safetensors.notes.tmp",
    ];
    for (const name of [...stale, ...kept]) put(name, "x");
    for (const name of [...stale, ...kept.slice(1)]) fs.utimesSync(at(name), old, old); // the first one is being written
    claim("m.safetensors").write(modelBytes(1), true);
    expect(names().filter((name) => name.endsWith(".tmp"))).toEqual(kept.toSorted());
  });

  test("where writing fails the old file stays, and nothing is left beside it", () => {
    put("m.safetensors", "old");
    const tooLong = { length: 1 } as unknown as Uint8Array; // no bytes: the write itself throws
    expect(() => writeAtomically(at("m.safetensors"), tooLong, { keepOld: true })).toThrow();
    expect([textOf("m.safetensors"), names()]).toEqual(["old", ["m.safetensors"]]);
  });
});
