// Trains the playground's network and computes what the view draws.

import { serveSession } from "../worker/serveSession.ts";
import { renderFrame } from "./frame.ts";

serveSession(renderFrame);
