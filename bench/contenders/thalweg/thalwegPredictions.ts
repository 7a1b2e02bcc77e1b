import { createExecutor } from "../../../src/backend/createExecutor.ts";
import type { Device } from "../../../src/backend/device.ts";
import type { Executor } from "../../../src/backend/executor.ts";
import type { Entry } from "../../race/contract.ts";
import type { Start } from "../../race/start.ts";
import type { ForwardWorkload } from "../../race/workload.ts";

/** Forward passes as `predict` takes them: outputs come back to the host and are the next inputs. */
class Predictions implements Entry {
  readonly #executor: Executor;
  readonly #device: Device;
  readonly #start: Start;
  #state: Float32Array;

  constructor(device: Device, executor: Executor, start: Start) {
    [this.#device, this.#executor, this.#start, this.#state] = [device, executor, start, start.state];
    executor.writeParameters(start.fixed);
  }

  async run(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++)
      this.#state = (await this.#executor.predict(this.#state)) as Float32Array;
  }

  finish(): Promise<number> {
    return Promise.resolve(this.#state[0]!);
  }

  readState(): Promise<Float32Array> {
    return Promise.resolve(this.#state);
  }

  restart(): void {
    this.#state = this.#start.state;
  }

  dispose(): void {
    this.#executor.dispose();
    this.#device.dispose();
  }
}

export const createPredictions = async (device: Device, { network }: ForwardWorkload, start: Start): Promise<Entry> =>
  new Predictions(device, await createExecutor(device, network, 1), start);
