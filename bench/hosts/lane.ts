import type { JudgeRunner, Runner, SurveyRunner } from "../race/host.ts";
import { caller, judgeMethods, runnerMethods, surveyMethods } from "./calls.ts";
import type { RoleMessage } from "./role.ts";

/** A thread that messages can be sent to. */
export interface Thread {
  post(message: unknown): void;
  /** Ends it at once. */
  terminate(): void;
}

export interface ThreadEvents {
  message(message: unknown): void;
  /** It ended, or failed, by itself. */
  ended(reason: string): void;
}

/** Starts a thread: a worker or a process. */
export type StartThread = (name: string, events: ThreadEvents) => Thread;

interface Ready {
  readonly ready: boolean;
  readonly error?: { readonly name: string; readonly message: string };
}

interface Opened<T> {
  readonly remote: T;
  terminate(): void;
}

/** A thread that is not ready by then never will be. */
const startMs = 60_000;

/** Starts a thread, gives it its role, and resolves when it is ready. */
async function openThread<T extends object>(
  start: StartThread,
  message: RoleMessage,
  methods: readonly (keyof T & string)[],
): Promise<Opened<T>> {
  let thread: Thread | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const calls = caller<T>(methods, (request) => thread!.post(request));
  await new Promise<void>((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not start within ${startMs / 1000} s`)), startMs);
    thread = start(message.role, {
      message: (received) => {
        if (!("ready" in (received as object))) return calls.receive(received as Parameters<typeof calls.receive>[0]);
        const { ready, error } = received as Ready;
        if (ready) resolve();
        else reject(new Error(error?.message ?? "it did not start"));
      },
      ended: (reason) => {
        calls.fail(reason);
        reject(new Error(reason));
      },
    });
    thread.post(message);
  })
    .catch((error: unknown) => {
      thread?.terminate();
      throw error;
    })
    .finally(() => clearTimeout(timer));
  const terminate = (): void => {
    thread!.terminate();
    calls.fail("it was stopped");
  };
  return { remote: calls.remote, terminate };
}

/** The three kinds of threads that a race opens. */
export const threads = (start: StartThread, cores: number) => ({
  open: async (contender: string) => {
    const { remote, terminate } = await openThread<Runner>(start, { role: contender, cores }, runnerMethods);
    return { runner: remote, terminate };
  },
  openJudge: async () => {
    const { remote, terminate } = await openThread<JudgeRunner>(start, { role: "judge", cores }, judgeMethods);
    return { judge: remote, terminate };
  },
  openSurvey: async () => {
    const { remote, terminate } = await openThread<SurveyRunner>(start, { role: "survey", cores }, surveyMethods);
    return { survey: remote, terminate };
  },
});
