// A thread that runs items of kernels over a shared memory: what a worker does, and what the thread that asks does alongside. It is plain
// JavaScript and imports nothing, because Node 20 starts it as it is where sources run unbuilt.
//
// The order of work. A run is a list of phases, taken `turns` times; a phase is a number of items, of which none needs another. Whoever is
// free claims the next item. When the last item of a phase is finished, the next phase opens: so every item sees all that earlier
// phases wrote, and results do not depend on how many threads there are.
//
// One word, the cursor, holds the number of the phase (20 bits, counted through all runs) and the next item (12 bits); `closed` in
// place of the item means that there is nothing to claim. An item is claimed by a compare-and-exchange of this word. Records of
// phases are only changed while the cursor is closed, so a claim that succeeds was made with records that hold. A thread would have
// to sleep through 2²⁰ phases between reading and claiming to be mistaken.

/** What a worker is named that runs this file. */
export const threadName = "thalweg wasm thread";

/** Words of the control block. What is written often lies in a cache line of its own. */
export const place = {
  cursor: 0,
  waiting: 16,
  finished: 32,
  /** Of the phases: the first word of their records, how many there are, the number of the first, times to run them. */
  phases: 48,
  phaseCount: 49,
  firstPhase: 50,
  turns: 51,
  /** Not 0 after an item failed: those that follow are claimed but not run. */
  failed: 52,
  /** Messages that were sent to every worker so far. */
  messages: 53,
  /** Not 0 where the caller takes no items and is told when all are done. */
  tellsEnd: 54,
  words: 64,
};

/** Words of a phase's record: how many items it has, the first word of its calls, how many calls. */
export const phaseWords = 3;
/** Words of a call: the number of a kernel, and the address of its arguments. */
export const callWords = 2;

export const itemBits = 12;
export const closed = 2 ** itemBits - 1;
export const phaseMask = 2 ** (32 - itemBits) - 1;

/** Looks at the cursor before a thread falls asleep: about 20 µs. */
const glances = 2000;
/** Longest sleep of a thread that was woken for nothing, so that a lost wake-up cannot stop it for good. */
const sleepMs = 100;

/**
 * @typedef {(args: number, item: number, scratch: number, turn: number) => void} Kernel An exported function: the address of its
 *   arguments, which item, the address of memory that is this thread's own, and which turn of the phases
 * @typedef {object} Thread
 * @property {Int32Array} words the memory
 * @property {number} control first word of the control block
 * @property {Kernel[]} kernels
 * @property {number} scratch
 * @property {(error: unknown) => void} failed told what a kernel threw
 */

/**
 * Sleeps until the cursor is no longer `cursor`, at first with eyes open.
 * @param {Thread} thread @param {number} cursor @param {number} longestMs
 * @returns {boolean} whether it has changed
 */
export function waitForChange({ words, control }, cursor, longestMs) {
  const at = control + place.cursor;
  for (let glance = 0; glance < glances; glance++) if (Atomics.load(words, at) !== cursor) return true;
  Atomics.add(words, control + place.waiting, 1);
  Atomics.wait(words, at, cursor, longestMs);
  Atomics.sub(words, control + place.waiting, 1);
  return Atomics.load(words, at) !== cursor;
}

/** @param {Thread} thread @param {number} cursor */
export function setCursor({ words, control }, cursor) {
  Atomics.store(words, control + place.cursor, cursor);
  if (Atomics.load(words, control + place.waiting) > 0) Atomics.notify(words, control + place.cursor);
}

/** Runs an item of a phase. @param {Thread} thread @param {number} record @param {number} item @param {number} turn */
function runItem({ words, kernels, scratch }, record, item, turn) {
  const first = words[record + 1];
  const calls = words[record + 2];
  for (let at = first; at < first + callWords * calls; at += callWords) {
    kernels[words[at]](words[at + 1], item, scratch, turn);
  }
}

/** The cursor behind a finished phase. @param {Thread} thread @param {number} number of the phase */
function nextCursor({ words, control }, number) {
  const next = (number + 1) & phaseMask;
  const taken = (next - words[control + place.firstPhase]) & phaseMask;
  const all = words[control + place.phaseCount] * words[control + place.turns];
  return (next << itemBits) | (taken === all ? closed : 0);
}

/**
 * Claims and runs items until the cursor is closed, or nothing has happened for `longestMs`, or it is later than `untilMs`.
 * @param {Thread} thread @param {number} longestMs @param {number} [untilMs] as of `performance.now`
 * @returns {"closed" | "closed by this thread" | "waiting"}
 */
export function takeItems(thread, longestMs, untilMs) {
  const { words, control } = thread;
  for (;;) {
    const cursor = Atomics.load(words, control + place.cursor);
    const item = cursor & closed;
    if (item === closed) return "closed";
    const number = cursor >>> itemBits;
    const phaseCount = words[control + place.phaseCount];
    const since = (number - words[control + place.firstPhase]) & phaseMask;
    const record = words[control + place.phases] + phaseWords * (since % phaseCount);
    const items = words[record];
    if (item >= items) {
      if (!waitForChange(thread, cursor, longestMs)) return "waiting";
      continue;
    }
    if (Atomics.compareExchange(words, control + place.cursor, cursor, cursor + 1) !== cursor) continue;
    if (Atomics.load(words, control + place.failed) === 0) {
      try {
        runItem(thread, record, item, Math.floor(since / phaseCount));
      } catch (error) {
        thread.failed(error);
        Atomics.store(words, control + place.failed, 1);
      }
    }
    if (Atomics.add(words, control + place.finished, 1) + 1 === items) {
      Atomics.store(words, control + place.finished, 0);
      const next = nextCursor(thread, number);
      setCursor(thread, next);
      if ((next & closed) === closed) return "closed by this thread";
    }
    if (untilMs !== undefined && performance.now() > untilMs) return "waiting";
  }
}

/**
 * @typedef {object} Modules A module, and which of its exports become kernels of these numbers
 * @property {WebAssembly.Module} module
 * @property {readonly string[]} names
 * @property {readonly number[]} numbers
 */

/** @param {Kernel[]} kernels @param {readonly Modules[]} modules @param {WebAssembly.Memory} memory */
export function addTo(kernels, modules, memory) {
  for (const { module, names, numbers } of modules) {
    const { exports } = new WebAssembly.Instance(module, { host: { memory } });
    names.forEach((name, at) => (kernels[numbers[at]] = /** @type {Kernel} */ (exports[name])));
  }
}

/**
 * What a worker is told. The first message opens it; those that follow bring kernels, or news of nothing but a larger memory.
 * @typedef {{ opening?: { memory: WebAssembly.Memory, control: number, scratch: number }, modules: readonly Modules[] }} Order
 */
/** @typedef {{ type: "ready" } | { type: "closed" } | { type: "failed", message: string }} Report */

/**
 * What a worker does about an order: it takes it in, and then takes items and sleeps until the next one is on its way.
 * @param {(report: Report) => void} post
 * @returns {(order: Order) => void}
 */
function threadThat(post) {
  /** @type {WebAssembly.Memory} */
  let memory;
  /** @type {Thread} */
  let thread;
  let received = 0;
  return ({ opening, modules }) => {
    if (opening) {
      memory = opening.memory;
      const failed = (/** @type {unknown} */ error) => post({ type: "failed", message: String(error) });
      thread = { ...opening, words: new Int32Array(0), kernels: [], failed };
    }
    thread.words = new Int32Array(memory.buffer); // larger, if memory has grown
    addTo(thread.kernels, modules, memory);
    received++;
    post({ type: "ready" });
    const { words, control } = thread;
    while (Atomics.load(words, control + place.messages) === received) {
      const state = takeItems(thread, sleepMs);
      if (state === "closed by this thread" && words[control + place.tellsEnd] !== 0) post({ type: "closed" });
      const cursor = Atomics.load(words, control + place.cursor);
      const isIdle = (cursor & closed) === closed && Atomics.load(words, control + place.messages) === received;
      if (isIdle) waitForChange(thread, cursor, sleepMs);
    }
  };
}

const node = globalThis.process?.getBuiltinModule?.("node:worker_threads");
if (node ? node.workerData === threadName : Reflect.get(globalThis, "name") === threadName) {
  if (node)
    node.parentPort?.on(
      "message",
      threadThat((report) => node.parentPort?.postMessage(report)),
    );
  else {
    const obey = threadThat((report) => postMessage(report));
    addEventListener("message", ({ data }) => obey(data));
  }
}
