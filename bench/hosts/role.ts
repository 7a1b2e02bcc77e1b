import { contenders } from "../contenders/table.ts";
import { GpuClock } from "../measure/gpuClock.ts";
import { EntryRunner } from "../race/entryRunner.ts";
import { ReferenceJudge } from "../race/judgeRunner.ts";
import { Survey } from "../race/surveyRunner.ts";
import { answer, errorText } from "./calls.ts";
import { provideNavigatorGpu } from "./nodeNavigator.ts";

/** What a thread is told first. */
export interface RoleMessage {
  /** A contender's name, `judge` or `survey`. */
  readonly role: string;
  readonly cores: number;
}

async function createTarget({ role, cores }: RoleMessage): Promise<object> {
  if (role === "judge") return new ReferenceJudge();
  if (role === "survey") return new Survey(cores);
  const card = contenders.find(({ name }) => name === role);
  if (!card) throw new RangeError(`race: there is no contender ${role}`);
  const { processor, withoutWebGpu = processor === "cpu" } = card;
  if (processor !== "cpu") {
    await provideNavigatorGpu().catch((error: unknown) => {
      if (!withoutWebGpu) throw error;
    });
  }
  const clock = new GpuClock();
  clock.install();
  return new EntryRunner(await card.load(), clock);
}

type Message = RoleMessage | Parameters<ReturnType<typeof answer>>[0];

/** A thread's life: the first message gives it its role, all others are calls. @returns what takes the messages */
export function createThread(post: (message: unknown) => void): (message: Message) => void {
  let target: Promise<ReturnType<typeof answer> | undefined> | undefined;
  const start = async (message: RoleMessage): Promise<ReturnType<typeof answer> | undefined> => {
    try {
      const receive = answer(await createTarget(message), post);
      post({ ready: true });
      return receive;
    } catch (error) {
      post({ ready: false, error: errorText(error) });
      return undefined;
    }
  };
  return (message) => {
    if ("role" in message) target = start(message);
    else void target?.then((receive) => receive?.(message));
  };
}
