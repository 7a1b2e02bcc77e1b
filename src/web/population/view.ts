// A population: many networks of one architecture over a grid of settings and seeds.

import "./population.css";
import type { View } from "../view.ts";
import { PopulationPage } from "./populationPage.ts";

export const view: View = {
  mount(root, state) {
    const page = new PopulationPage(root, state);
    return { dispose: () => page.dispose() };
  },
};
