// npm run bench:page: figures of the page in headless Chrome.

import { openSources } from "./cli/sources.mjs";

const sources = await openSources();
try {
  const { main } = await sources.load("bench/page/main.ts");
  await main();
} finally {
  await sources.close();
}
