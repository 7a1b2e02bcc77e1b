import { normalExpression } from "../../../math/normal.ts";
import { f32Text } from "./emitFunctions.ts";
import { dropThreshold } from "../../dropout.ts";
import { operandName } from "../../../graph/builder.ts";
import type { StepNode } from "../../../graph/derive.ts";
import { operandsOf } from "../../../graph/graph.ts";
import type { Schedule } from "../../../graph/schedule.ts";
import { readsOf, type ScheduledNode } from "../../../graph/tasks.ts";
import { emitFunction } from "../../../math/emitWgsl.ts";
import { type RowBuffer, RowMemory, type Unit } from "../rowMemory.ts";

/** WGSL of a kernel that computes nodes row by row: shaders/rows.wgsl with `computeRow` and its bindings. */
export interface RowKernel {
  readonly code: string;
  /** In the order of the bindings behind the fixed ones. */
  readonly buffers: readonly RowBuffer[];
}

interface Line {
  readonly text: string;
  /** The node that the line stores: left out where nothing reads it from memory. */
  readonly stores?: number;
}

interface Loop {
  readonly width: number;
  readonly before: Line[];
  readonly lines: Line[];
  readonly after: Line[];
  /** Nodes whose value of this unit has a name. */
  readonly local: Set<number>;
}

export interface RowsRequest {
  readonly schedule: Schedule;
  /** Nodes to compute, in order. */
  readonly nodes: readonly number[];
  /** While training masks are drawn. */
  readonly drops: boolean;
}

/**
 * Writes the statements of a row kernel. The lanes of a row take every LANES-th unit of a vector; vectors of the same width are
 * computed in one loop, values per row by every lane. Only numbers of the network and f32 constants go into the text.
 */
class RowWriter {
  readonly #request: RowsRequest;
  readonly #own: ReadonlySet<number>;
  readonly #memory: RowMemory;
  readonly #lines: Line[] = [];
  #loop: Loop | undefined;
  /** Vectors that were stored since the lanes last waited for each other. */
  #dirty = new Set<number>();
  readonly #loaded = new Set<number>();
  readonly #functions = new Map<string, string>();
  readonly #streams = new Set<number>();

  constructor(request: RowsRequest) {
    this.#request = request;
    this.#own = new Set(request.nodes);
    this.#memory = new RowMemory(request.schedule);
  }

  #node(index: number): ScheduledNode {
    return this.#memory.node(index);
  }

  /** Nodes that other kernels read. */
  #readElsewhere(): Set<number> {
    const { schedule, nodes } = this.#request;
    const others = schedule.tasks.filter((task) => task.kind !== "rows" || task.nodes[0] !== nodes[0]);
    return new Set(others.flatMap((task) => readsOf(schedule.nodes, task)));
  }

  write(): RowKernel {
    const readElsewhere = this.#readElsewhere();
    for (const index of this.#request.nodes) this.#visit(index);
    this.#closeLoop();
    const kept = this.#lines.filter(
      ({ stores }) => stores === undefined || this.#loaded.has(stores) || readElsewhere.has(stores),
    );
    const keys = [...this.#streams].flatMap((stream) => [
      `  let key${stream} = maskKeyOf(settings[member].orderSeed, step.index, ${stream}u);`,
      `  let state${stream} = maskState(key${stream}, step.firstRow + row);`,
    ]);
    const body = ["fn computeRow(row: u32, member: u32, lane: u32, isActive: bool) {",
      "  let sample = member * layer.capacity + row;",
      ...(this.#memory.buffers.includes("inputs") ? ["  let source = sourceOf(row, member * layer.rowsMemberStride, isActive && lane == 0u && member == 0u);"] : []),
      ...this.#memory.starts().map((text) => `  ${text}`), ...keys, ...kept.map(({ text }) => `  ${text}`), "}"]; // prettier-ignore
    const parts = [this.#memory.declarations(), ...this.#functions.keys(), body.join("\n")];
    return { code: parts.join("\n"), buffers: this.#memory.buffers };
  }

  #isScalar(index: number): boolean {
    return this.#node(index).width === 1;
  }

  /** Lets other lanes' values be read: closes the loop that computes them, and waits. */
  #prepare(index: number, unit: Unit): void {
    const { base, unit: own } = this.#memory.resolve(index, unit);
    if (!this.#own.has(base)) return;
    if (this.#isScalar(base)) {
      if (this.#loop?.local.has(base)) this.#closeLoop();
      return;
    }
    const isOpen = this.#loop?.local.has(base) === true;
    if (own.isOwn && (!isOpen || this.#loop!.width === this.#node(base).width)) return;
    this.#closeLoop();
    if (own.isOwn || !this.#dirty.has(base)) return;
    this.#lines.push({ text: "waitForLanes();" });
    this.#dirty = new Set();
  }

  /** WGSL of a value, after `#prepare`. */
  #value(index: number, unit: Unit): string {
    const { base, unit: own } = this.#memory.resolve(index, unit);
    const node = this.#node(base);
    if (node.kind === "parameter") return this.#memory.parameter(node.parameter, own.text);
    if (this.#own.has(base)) {
      if (this.#isScalar(base)) return `s${base}`;
      if (own.isOwn && this.#loop?.local.has(base)) return `v${base}`;
      this.#loaded.add(base);
    }
    return this.#memory.value(base, own.text);
  }

  #openLoop(width: number): Loop {
    if (this.#loop && this.#loop.width !== width) this.#closeLoop();
    this.#loop ??= { width, before: [], lines: [], after: [], local: new Set() };
    return this.#loop;
  }

  #closeLoop(): void {
    const loop = this.#loop;
    if (!loop) return;
    this.#loop = undefined;
    this.#lines.push(
      ...loop.before,
      { text: `for (var u = lane; u < select(0u, ${loop.width}u, isActive); u += LANES) {` },
      ...loop.lines.map((line) => ({ ...line, text: `  ${line.text}` })),
      { text: "}" },
      ...loop.after,
    );
  }

  #visit(index: number): void {
    const node = this.#node(index);
    if (node.kind === "reduce") this.#reduce(index, node);
    else if (node.width === 1) this.#scalar(index);
    else this.#vector(index);
  }

  #scalar(index: number): void {
    const unit = { text: "0u", isOwn: false };
    for (const operand of this.#unitsOf(index, unit)) this.#prepare(operand.node, operand.unit);
    this.#closeLoop();
    const { lines, value } = this.#compute(index, unit);
    this.#lines.push(...lines.map((text) => ({ text })), { text: `let s${index} = ${value};` });
    this.#storeScalar(index, this.#lines);
  }

  #storeScalar(index: number, lines: Line[]): void {
    const text = `if (isActive && lane == 0u) { ${this.#memory.value(index, "0u")} = s${index}; }`;
    lines.push({ text, stores: index });
  }

  #vector(index: number): void {
    const { width } = this.#node(index);
    const unit = { text: "u", isOwn: true };
    if (this.#loop && this.#loop.width !== width) this.#closeLoop();
    for (const operand of this.#unitsOf(index, unit)) this.#prepare(operand.node, operand.unit);
    const loop = this.#openLoop(width);
    const { lines, value } = this.#compute(index, unit);
    loop.lines.push(...lines.map((text) => ({ text })), { text: `let v${index} = ${value};` });
    loop.lines.push({ text: `${this.#memory.value(index, "u")} = v${index};`, stores: index });
    loop.local.add(index);
    this.#dirty.add(index);
  }

  /** Operands of a node, and the units of them that unit u reads. */
  #unitsOf(index: number, unit: Unit): { node: number; unit: Unit }[] {
    const node = this.#node(index);
    if (node.kind === "concat") {
      let start = 0;
      return node.from.map((operand) => {
        const own = start === 0 ? unit : { text: `${unit.text} - ${start}u`, isOwn: false };
        start += this.#node(operand).width;
        return { node: operand, unit: own };
      });
    }
    if (node.kind === "pad") {
      const own = node.start === 0 ? unit : { text: `${unit.text} - ${node.start}u`, isOwn: false };
      return [{ node: node.from, unit: own }];
    }
    if (node.kind === "gather") return [{ node: node.from, unit: { text: "0u", isOwn: false } }];
    return operandsOf(node).map((operand) => ({ node: operand, unit }));
  }

  /** Statements, and the WGSL of one unit of a node. */
  #compute(index: number, unit: Unit): { lines: string[]; value: string } {
    const node = this.#node(index);
    const operands = this.#unitsOf(index, unit);
    const values = operands.map((operand) => this.#value(operand.node, operand.unit));
    switch (node.kind) {
      case "elementwise":
        return { lines: [], value: `${this.#function(node)}(${values.join(", ")})` };
      case "concat":
        return { lines: this.#concatLines(index, unit, values), value: `c${index}` };
      case "pad": {
        const { width } = this.#node(node.from);
        const isInside = `${unit.text} >= ${node.start}u && ${unit.text} < ${node.start + width}u`;
        return {
          lines: [`var c${index} = 0.0;`, `if (${isInside}) { c${index} = ${values[0]}; }`],
          value: `c${index}`,
        };
      }
      case "gather":
        return {
          lines: [],
          value: this.#memory.parameter(node.table, `u32(${values[0]}) * ${node.width}u + ${unit.text}`),
        };
      case "dropout":
        return { lines: [], value: this.#dropout(node, unit, values[0]!) };
      case "noise":
        return { lines: [], value: this.#noise(node, unit, values[0]!) };
    }
    throw new Error(`emitRows: a row kernel does not compute ${node.kind}`);
  }

  #concatLines(index: number, { text }: Unit, values: readonly string[]): string[] {
    let end = 0;
    const branches = (this.#node(index) as StepNode & { kind: "concat" }).from.map((operand, place) => {
      end += this.#node(operand).width;
      return `if (${text} < ${end}u) { c${index} = ${values[place]}; }`;
    });
    return [`var c${index} = 0.0;`, branches.join(" else ")];
  }

  #dropout({ rate, stream }: StepNode & { kind: "dropout" }, { text }: Unit, value: string): string {
    if (!this.#request.drops) return value;
    this.#streams.add(stream);
    this.#memory.buffer("settings");
    const isKept = `maskHalf(key${stream}, state${stream}, ${text}) >= ${dropThreshold(rate)}u`;
    return `select(0.0, ${value} / ${f32Text(1 - rate)}, ${isKept})`;
  }

  #noise({ deviation, stream }: StepNode & { kind: "noise" }, { text }: Unit, value: string): string {
    if (!this.#request.drops) return value;
    this.#streams.add(stream);
    this.#memory.buffer("settings");
    const uniform = (at: number): string =>
      `uniformOf(maskWord(key${stream}, state${stream}, 2u * (${text}) + ${at}u))`;
    const normal = `${this.#function({ expression: normalExpression, from: [0, 1] })}(${uniform(0)}, ${uniform(1)})`;
    return `${value} + ${f32Text(deviation)} * ${normal}`;
  }

  /** Name of the function of an expression. */
  #function({ expression, from }: Pick<StepNode & { kind: "elementwise" }, "expression" | "from">): string {
    const names = from.map((_, place) => operandName(place));
    const name = `f${this.#functions.size}`;
    const text = emitFunction("NAME", names, expression);
    const known = [...this.#functions].find(([code]) => code.replace(/^fn \w+/, "fn NAME") === text);
    if (known) return known[1];
    this.#functions.set(text.replace("fn NAME", `fn ${name}`), name);
    return name;
  }

  #reduce(index: number, { from, reduction }: StepNode & { kind: "reduce" }): void {
    const { width } = this.#node(from);
    if (reduction === "max" || reduction === "logSumExp") {
      const largest = reduction === "max" ? `s${index}` : `m${index}`;
      this.#fold(
        index,
        from,
        { start: "-0x1.fffffep+127f", step: (own, x) => `larger(${own}, ${x})`, lanes: "maxOfLanes" },
        largest,
      );
      if (reduction === "max") return this.#finishReduce(index);
      this.#closeLoop();
      const step = (own: string, x: string): string => `${own} + exponential(${x} - m${index})`;
      this.#fold(index, from, { start: "0.0", step, lanes: "sumOfLanes" }, `t${index}`);
      this.#loop!.after.push({ text: `let s${index} = m${index} + naturalLogarithm(t${index});` });
      return this.#finishReduce(index);
    }
    this.#fold(index, from, { start: "0.0", step: (own, x) => `${own} + ${x}`, lanes: "sumOfLanes" }, `t${index}`);
    const mean = reduction === "mean" ? ` / ${f32Text(width)}` : "";
    this.#loop!.after.push({ text: `let s${index} = t${index}${mean};` });
    this.#finishReduce(index);
  }

  #finishReduce(index: number): void {
    this.#storeScalar(index, this.#loop!.after);
    this.#loop!.local.add(index);
  }

  /** Adds a fold over the units of a vector to a loop, and its result over all lanes behind it. */
  #fold(
    index: number,
    from: number,
    fold: { start: string; step: (own: string, value: string) => string; lanes: string },
    result: string,
  ): void {
    const { width } = this.#node(from);
    const unit = { text: "u", isOwn: true };
    if (this.#loop && this.#loop.width !== width) this.#closeLoop();
    this.#prepare(from, unit);
    const loop = this.#openLoop(width);
    const own = `${fold.lanes === "maxOfLanes" ? "p" : "q"}${index}`;
    loop.before.push({ text: `var ${own} = ${fold.start};` });
    loop.lines.push({ text: `${own} = ${fold.step(own, this.#value(from, unit))};` });
    loop.after.push({ text: `let ${result} = ${fold.lanes}(${own}, lane);` });
  }
}

export const emitRows = (request: RowsRequest): RowKernel => new RowWriter(request).write();
