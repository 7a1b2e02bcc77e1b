import os from "node:os";
import path from "node:path";
import process from "node:process";

/**
 * Where a program keeps what outlives it and is no document of the user's: XDG_STATE_HOME (XDG Base Directory Specification 0.8, which
 * takes absolute paths only), Application Support on macOS, LOCALAPPDATA on Windows.
 */
export function stateFolder(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const { XDG_STATE_HOME = "", LOCALAPPDATA } = env;
  const home = os.homedir();
  if (platform === "win32") return path.join(LOCALAPPDATA || path.join(home, "AppData/Local"), "thalweg");
  if (path.isAbsolute(XDG_STATE_HOME)) return path.join(XDG_STATE_HOME, "thalweg");
  return path.join(home, platform === "darwin" ? "Library/Application Support" : ".local/state", "thalweg");
}
