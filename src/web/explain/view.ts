// The first screen: one step of gradient descent on the worked example.

import { element } from "../dom.ts";
import type { View } from "../view.ts";

export const view: View = {
  mount(root) {
    root.append(element("h1", {}, "One step of gradient descent"));
    return { dispose: () => {} };
  },
};
