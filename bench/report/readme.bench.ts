// The table of README's "How fast", from a record of the race on a machine without a GPU.
//   npm run bench -- readme FILE.json

import { readFileSync } from "node:fs";
import process from "node:process";
import { exitCodes, Stop } from "../../src/cli/exitCodes.ts";
import { readRecord } from "../race/readRecord.ts";
import { readmeTable } from "./readmeTable.ts";

const [, file] = process.argv.slice(2);
if (file === undefined) throw new Stop("readme: pass the JSON file of a race", exitCodes.wrongUse[0]);
process.stdout.write(`${readmeTable(readRecord(readFileSync(file, "utf8"), file)).join("\n")}\n`);
