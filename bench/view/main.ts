// The Bench view: choose, run, look, save and compare.

import { exposeAutomation } from "./automation.ts";
import { Chooser } from "./chooser.ts";
import { Comparison } from "./comparison.ts";
import { byId } from "./dom.ts";
import { Figures } from "./figures.ts";
import { listenToImports } from "./imports.ts";
import { LoadFigure } from "./load.ts";
import { MachinePanel } from "./machineCard.ts";
import { catchAll, notice } from "./messages.ts";
import { Overview } from "./overview.ts";
import { Running } from "./running.ts";
import { SourceList } from "./sourceList.ts";
import { shownSource, Store } from "./store.ts";
import { describe, lookAround, shortcomings } from "./surroundings.ts";

/** Draws all parts from the state, and again where the page gets another width. */
function createView(): Store {
  const [sources, figures, comparison] = [new SourceList(), new Figures(), new Comparison()];
  const [load, overview, machine] = [new LoadFigure(), new Overview(), new MachinePanel()];
  const store: Store = new Store((state) => {
    sources.draw(state, store);
    figures.draw(state);
    comparison.draw(state);
    overview.draw(state, store);
    const record = shownSource(state)?.record;
    load.draw(record);
    machine.draw(record);
  });
  figures.listen(store);
  comparison.listen(store);
  listenToImports(store);
  addEventListener("resize", () => store.change({}));
  return store;
}

async function start(): Promise<void> {
  catchAll();
  const store = createView();
  const surroundings = await lookAround();
  byId("environment", HTMLElement).textContent = describe(surroundings);
  byId("notices", HTMLElement).replaceChildren(...shortcomings(surroundings).map((text) => notice(text)));
  const chooser = new Chooser(surroundings);
  const running = new Running(store, chooser);
  chooser.listen(
    (choice) => void running.start(choice),
    () => running.stop(),
  );
  chooser.restore();
  exposeAutomation();
  document.body.dataset.state = "ready";
}

void start();
