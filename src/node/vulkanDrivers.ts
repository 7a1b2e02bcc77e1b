// Where Vulkan drivers lie: those of the machine, and SwiftShader in the folder of a Chrome.

import { existsSync, readdirSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";

const swiftShaderManifest = "vk_swiftshader_icd.json";

/** Without any driver Dawn would find no adapter either, and complain on stderr. Only Linux can be told beforehand. */
export function hasVulkanDriver(): boolean {
  const { VK_ICD_FILENAMES, VK_DRIVER_FILES, VK_ADD_DRIVER_FILES, XDG_DATA_DIRS = "" } = process.env;
  if (process.platform !== "linux" || VK_ICD_FILENAMES || VK_DRIVER_FILES || VK_ADD_DRIVER_FILES) return true;
  const shared = [
    "/usr/share",
    "/usr/local/share",
    join(homedir(), ".local/share"),
    ...XDG_DATA_DIRS.split(delimiter),
  ].filter(Boolean);
  const roots = [...shared, "/etc", "/usr/local/etc", "/etc/xdg", join(homedir(), ".config")];
  return roots.some((root) => filesBelow(join(root, "vulkan/icd.d")).some((name) => name.endsWith(".json")));
}

/** Path of SwiftShader's driver manifest beside an installed Chrome, Chromium or puppeteer's cached Chrome. */
export function findSwiftShader(): string | undefined {
  const beside = chromeExecutables().map((path) => join(dirname(realpathSync(path)), swiftShaderManifest));
  return beside.find((path) => existsSync(path)) ?? chromeFolders().flatMap(manifestsBelow)[0];
}

function manifestsBelow(folder: string): string[] {
  const names = filesBelow(folder, true).filter((name) => name.endsWith(swiftShaderManifest));
  return names.map((name) => join(folder, name));
}

function filesBelow(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: "utf8" });
  } catch {
    return []; // absent or unreadable
  }
}

function chromeExecutables(): string[] {
  const { PATH = "", PUPPETEER_EXECUTABLE_PATH = "" } = process.env;
  const names = ["google-chrome", "chromium", "chromium-browser"];
  const onPath = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  return [PUPPETEER_EXECUTABLE_PATH, ...onPath].filter((path) => existsSync(path));
}

function chromeFolders(): string[] {
  const { PUPPETEER_CACHE_DIR, ProgramFiles = "", LOCALAPPDATA = "" } = process.env;
  const puppeteerCache = join(PUPPETEER_CACHE_DIR ?? join(homedir(), ".cache/puppeteer"), "chrome");
  const linux = ["/opt/google/chrome", "/usr/lib/chromium", "/usr/lib64/chromium-browser", "/usr/lib/chromium-browser"];
  const mac = ["Google Chrome", "Chromium"].map((name) => `/Applications/${name}.app/Contents/Frameworks`);
  const windows = [ProgramFiles, LOCALAPPDATA].filter(Boolean).map((root) => join(root, "Google/Chrome/Application"));
  if (process.platform === "darwin") return [puppeteerCache, ...mac];
  return process.platform === "win32" ? [puppeteerCache, ...windows] : [puppeteerCache, ...linux];
}
