// One contender, the judge or the survey in a process of its own, forked by nodeHost.ts.

import { createThread } from "./role.ts";

const receive = createThread((message) => process.send!(message));
process.on("message", (message) => receive(message as Parameters<typeof receive>[0]));
process.on("disconnect", () => process.exit());
