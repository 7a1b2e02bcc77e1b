// One contender, the judge or the survey in a worker of the page.

import { createThread } from "./role.ts";

const receive = createThread((message) => globalThis.postMessage(message, {}));
globalThis.addEventListener("message", ({ data }) => receive(data));
