import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, sep } from "node:path";
import { isolationHeaders } from "../../vite.bench.ts";

/** A folder on a port of this machine. */
export interface FolderServer {
  readonly url: string;
  /** Paths served since the last call, each once, without the page itself. */
  takeServed(): readonly string[];
  close(): Promise<void>;
}

export interface ServeOptions {
  readonly folder: string;
  readonly isolated: boolean;
}

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** Contents by the path of the address: what is not in the folder cannot be asked for. */
function readFolder(folder: string): ReadonlyMap<string, Buffer> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(folder.length).split(sep).join("/"), readFileSync(path)];
    }),
  );
}

/** What the path of an address asks for; undefined where it cannot be decoded. */
function pathOf(url: string | undefined): string | undefined {
  try {
    const { pathname } = new URL(url ?? "/", "http://localhost");
    const path = decodeURIComponent(pathname);
    return path.endsWith("/") ? `${path}index.html` : path;
  } catch {
    return undefined;
  }
}

const headersFor = (path: string, { isolated }: ServeOptions): Record<string, string> => ({
  "Content-Type": types[extname(path)] ?? "application/octet-stream",
  "Cache-Control": path.includes("/assets/") ? "max-age=3600" : "no-cache", // assets carry a hash in their names
  "Cross-Origin-Resource-Policy": "same-origin",
  ...(isolated ? isolationHeaders : {}),
});

/** Serves the files that the folder holds now, on a free port of this machine alone. */
export async function serveFolder(options: ServeOptions): Promise<FolderServer> {
  const files = readFolder(options.folder);
  const served = new Set<string>();
  const server = createServer(({ url, method }, response) => {
    const path = pathOf(url);
    const content = path === undefined ? undefined : files.get(path);
    if (path === "/favicon.ico" && !content) return void response.writeHead(204).end();
    if (path === undefined || !content) return void response.writeHead(404).end();
    if (extname(path) !== ".html") served.add(path);
    response.writeHead(200, headersFor(path, options)).end(method === "HEAD" ? undefined : content);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    takeServed: () => {
      const paths = [...served];
      served.clear();
      return paths;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
