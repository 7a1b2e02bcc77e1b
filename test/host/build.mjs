// Builds dist/ once, before the tests that use it as a user would.

import { execFileSync } from "node:child_process";

export default function setup() {
  execFileSync("npm", ["run", "--silent", "build"], { stdio: "inherit", shell: process.platform === "win32" });
}
