import type { PlanReport } from "../index.ts";
import { element } from "./dom.ts";

/** Shows network and device (`what`), and the strategy with its reason in a disclosure. */
export function showPlan(place: HTMLElement, what: string, { strategy, summary, reason }: PlanReport): void {
  const details = element("details", {}, element("summary", {}, `Strategy ${strategy}: ${summary}`), `${reason}.`);
  place.replaceChildren(element("p", {}, `${what}.`), details);
}
