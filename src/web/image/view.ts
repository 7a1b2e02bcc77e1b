// Learn an image: a network learns (x, y) → colour, beside the picture that it learns from.

import "./image.css";
import type { View } from "../view.ts";
import { ImagePage } from "./imagePage.ts";

export const view: View = {
  mount(root, state) {
    const page = new ImagePage(root, state);
    return { dispose: () => page.dispose() };
  },
};
