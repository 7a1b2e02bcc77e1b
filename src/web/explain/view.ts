// The first screen: one step of gradient descent on the worked example, to walk through, to change and to check.

import "./explain.css";
import type { View } from "../view.ts";
import { Screen } from "./screen.ts";

export const view: View = {
  mount(root, state) {
    const screen = new Screen(state);
    root.append(...screen.parts);
    screen.draw();
    return screen;
  },
};
