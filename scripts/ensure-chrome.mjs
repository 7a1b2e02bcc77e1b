// Before the tests: find a Chrome, or download one, or say what to do. Packages of the system are installed in CI only.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findChrome } from "../test/host/chrome.mjs";

/** @param {string} command  @param {string[]} args */
function succeeds(command, args) {
  console.log(`chrome: ${command} ${args.join(" ")}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const { status, stderr } = spawnSync(command, args, { env, encoding: "utf8", shell: process.platform === "win32" });
  if (status !== 0)
    console.log(`chrome: that failed: ${/^.*error.*$/im.exec(stderr ?? "")?.[0] ?? `status ${status}`}`);
  return status === 0;
}

function download() {
  return succeeds("npx", ["--no-install", "puppeteer", "browsers", "install", "chrome"]);
}

function installPackages() {
  if (!process.env.CI || process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return false;
  const packages = ["-y", "--no-install-recommends", "chromium", "libvulkan1"];
  return succeeds("apt-get", ["update"]) && succeeds("apt-get", ["install", ...packages]);
}

/** A Chrome whose shared libraries are missing is no Chrome. */
async function workingChrome() {
  const path = await findChrome();
  if (!path || process.platform === "win32") return path; // chrome.exe --version opens a window
  const { status } = spawnSync(path, ["--version"], { stdio: "ignore" });
  return status === 0 ? path : undefined;
}

const attempts = [() => true, download, installPackages];
let chrome;
for (const attempt of attempts) {
  if (attempt()) chrome = await workingChrome();
  if (chrome) break;
}
if (!chrome) {
  console.error(
    "chrome: found none and could not install one.\n" +
      "  Install Google Chrome or Chromium (Debian, Ubuntu: apt-get install chromium libvulkan1),\n" +
      "  or set PUPPETEER_EXECUTABLE_PATH to an existing one.",
  );
  process.exit(1);
}
