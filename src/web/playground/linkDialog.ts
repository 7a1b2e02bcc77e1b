// "Copy link": the address of what is on the page, without the controls that the reader of the link shall not see.

import { element } from "../dom.ts";
import { checkField } from "./controls.ts";
import { groupLabels, type GroupName, groupNames } from "./hiddenGroups.ts";
import { encodeState, type PlaygroundState } from "./state.ts";

/** The page's address with another state. */
export function linkTo(page: string, state: PlaygroundState): string {
  return `${page.split("#")[0]}#/playground?${encodeState(state).toString()}`;
}

/** @param onCopy the link that was chosen */
export function createLinkDialog(onCopy: (link: string) => void): {
  open(state: PlaygroundState): void;
  element: HTMLElement;
} {
  const hidden = new Set<GroupName>();
  let state: PlaygroundState | undefined;
  const field = element("input", { type: "text", readonly: true, class: "link", "aria-label": "Link" });
  const show = (): void => {
    field.value = linkTo(location.href, { ...state!, hidden: groupNames.filter((name) => hidden.has(name)) });
  };
  const boxes = groupNames.map((name) =>
    checkField(groupLabels[name], (isHidden) => {
      if (isHidden) hidden.add(name);
      else hidden.delete(name);
      show();
    }),
  );
  const copy = element("button", { type: "submit", class: "primary" }, "Copy");
  const close = element("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = element(
    "form",
    {
      method: "dialog",
      onsubmit: () => onCopy(field.value),
    },
    element("h2", { id: "link-title" }, "Copy link"),
    element("p", {}, "Opens the playground with this setup, untrained; the same seed trains the same network."),
    element("fieldset", {}, element("legend", {}, "For teaching: hide controls"), ...boxes.map((box) => box.element)),
    field,
    element("div", { class: "row" }, copy, close),
  );
  const dialog = element("dialog", { class: "link-dialog", "aria-labelledby": "link-title" }, form);
  const open = (now: PlaygroundState): void => {
    state = now;
    hidden.clear();
    for (const name of now.hidden) hidden.add(name);
    for (const [at, name] of groupNames.entries()) boxes[at]!.set(hidden.has(name));
    show();
    dialog.showModal();
  };
  return { open, element: dialog };
}
