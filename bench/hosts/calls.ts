// Calls to an object in another thread or process: a method's name and arguments there, its result or error back.

interface Request {
  readonly id: number;
  readonly method: string;
  readonly values: readonly unknown[];
}
type Reply = { readonly id: number } & ({ readonly result: unknown } | { readonly error: ErrorText });

interface ErrorText {
  readonly name: string;
  readonly message: string;
}

type Method = (...values: readonly unknown[]) => unknown;

/** Any error, in words that survive the way between threads. */
export function errorText(error: unknown): ErrorText {
  if (error instanceof Error) return { name: error.name, message: error.message };
  return { name: "Error", message: String(error) };
}

/** Answers requests with the methods of `target`, one after the other. */
export function answer(target: object, post: (reply: Reply) => void): (request: Request) => void {
  let last: Promise<unknown> = Promise.resolve();
  return ({ id, method, values }) => {
    last = last.then(async () => {
      try {
        const own = (target as Record<string, Method>)[method]!;
        post({ id, result: await own.apply(target, [...values]) });
      } catch (error) {
        post({ id, error: errorText(error) });
      }
    });
  };
}

/** A stand-in for the object behind a channel. */
export interface Caller<T> {
  readonly remote: T;
  readonly receive: (reply: Reply) => void;
  /** Rejects all that is pending, and all that follows. */
  readonly fail: (reason: string) => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

function errorOf({ name, message }: ErrorText): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

/** @param methods what may be called */
export function caller<T extends object>(methods: readonly (keyof T & string)[], post: (request: Request) => void) {
  const pending = new Map<number, Pending>();
  let failure: string | undefined;
  let nextId = 0;
  const call = (method: string, values: readonly unknown[]): Promise<unknown> => {
    if (failure !== undefined) return Promise.reject(new Error(failure));
    const id = nextId++;
    return new Promise((resolve, reject) => {
      pending.set(id, { resolve, reject });
      post({ id, method, values });
    });
  };
  const remote = Object.fromEntries(methods.map((method) => [method, (...values: unknown[]) => call(method, values)]));
  const receive = (reply: Reply): void => {
    const waiting = pending.get(reply.id);
    pending.delete(reply.id);
    if ("error" in reply) waiting?.reject(errorOf(reply.error));
    else waiting?.resolve(reply.result);
  };
  const fail = (reason: string): void => {
    failure = reason;
    for (const { reject } of pending.values()) reject(new Error(reason));
    pending.clear();
  };
  return { remote: remote as unknown as T, receive, fail } satisfies Caller<T>;
}

export const runnerMethods = [
  "prepare",
  "advance",
  "restart",
  "calibrate",
  "block",
  "count",
  "timeGpu",
  "release",
] as const;
export const judgeMethods = ["states", "roundMs"] as const;
export const surveyMethods = ["card", "ceilings"] as const;
