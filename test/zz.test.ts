import { expect, test } from "vitest";
import { acquire, createModel, network, dense, sgd, adam } from "/work/wt/wexec/src/index.ts";
const f = (n: number, s: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + s));
for (const [widths, loss, opt, rows, batch, members] of [
  [[2,2,2,1],"squaredError","sgd",4,4,1],[[5,7,3],"softmaxCrossEntropy","adam",37,10,3],[[6,33,17,2],"huber","adam",300,64,2],[[3,300,40,5],"binaryCrossEntropy","adam",500,500,1],
] as const) test(`${widths} ${loss}`, async () => {
  const net = network({ inputs: widths[0], layers: widths.slice(1).map((w, i) => dense(w, i === widths.length - 2 ? "identity" : "tanh")), loss });
  const out = widths.at(-1)!;
  const targets = loss === "softmaxCrossEntropy" ? Float32Array.from({ length: rows * out }, (_, i) => (Math.floor(i / out) % out === i % out ? 1 : 0)) : loss === "binaryCrossEntropy" ? f(rows * out, 2).map((x) => (x > 0 ? 1 : 0)) : f(rows * out, 2);
  const data = { inputs: f(rows * widths[0], 0), targets };
  const results = [];
  for (const device of ["reference", "wasm"] as const) {
    using d = await acquire({ device });
    using model = await createModel(net, { device: d, members, seed: 3 });
    const optimizer = opt === "sgd" ? sgd({ learningRate: 0.1 }) : adam({ learningRate: 0.01 });
    const fit = await model.fit(data, { optimizer, steps: 32, batchSize: batch, seed: 5 });
    results.push({ p: await model.readParameters(), l: fit.losses ?? fit.loss, s: await model.evaluate(data), pr: await model.predict(data.inputs) });
  }
  const [a, b] = results as any;
  const worst = (x: any, y: any) => x.reduce((m: number, v: number, i: number) => Math.max(m, Math.abs(v - y[i]) / (1e-3 + Math.abs(v)) || (Number.isNaN(y[i]) ? 9 : 0)), 0);
  console.log(String(widths), worst(a.p, b.p), a.s.loss, b.s.loss, worst(a.pr, b.pr));
  expect(worst(a.p, b.p)).toBeLessThan(1e-3);
});
