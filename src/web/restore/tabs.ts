// Tabs of the page: each has a name that a reload keeps, and holds a lock as long as it lives.

const nameKey = "thalweg tab";
const leftKey = "thalweg tabs that were left";
const mostLeft = 32;

const lockOf = (tab: string): string => `${nameKey} ${tab}`;

/** Tabs that were closed, or went to another page, the newest last. */
function leftTabs(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(leftKey) ?? "[]");
    return Array.isArray(stored) ? stored.filter((tab) => typeof tab === "string") : [];
  } catch {
    return [];
  }
}

function writeLeft(tabs: readonly string[]): void {
  try {
    localStorage.setItem(leftKey, JSON.stringify(tabs.slice(-mostLeft)));
  } catch {
    // no room: a tab that was closed is then taken for one that has crashed
  }
}

/** This tab is open, until it is left or crashes. */
function open(tab: string): void {
  void navigator.locks?.request(lockOf(tab), () => new Promise(() => {})).catch(() => {});
  const others = (): string[] => leftTabs().filter((other) => other !== tab);
  const comeBack = (): void => writeLeft(others());
  comeBack();
  addEventListener("pageshow", comeBack);
  addEventListener("pagehide", () => writeLeft([...others(), tab]));
}

let own: string | undefined;

/** A reload, and a tab that has crashed and comes back, keep the session's storage; another tab has its own. */
export function tabName(): string {
  if (own !== undefined) return own;
  own = sessionStorage.getItem(nameKey) ?? crypto.randomUUID();
  sessionStorage.setItem(nameKey, own);
  open(own);
  return own;
}

/** Whether a tab has crashed, or its whole browser: it is not open, and nobody has closed it. None where the browser does not tell. */
export async function crashedTabs(): Promise<(tab: string) => boolean> {
  if (!navigator.locks) return () => false;
  const { held = [] } = await navigator.locks.query();
  const open = new Set(held.map(({ name }) => name));
  const left = new Set(leftTabs());
  return (tab) => tab !== own && !open.has(lockOf(tab)) && !left.has(tab);
}
