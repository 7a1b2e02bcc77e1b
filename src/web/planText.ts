import type { PlanReport } from "../index.ts";
import { element } from "./dom.ts";

/** A line that says how steps are computed, and a disclosure with the reason. @param what network and device */
export function showPlan(place: HTMLElement, what: string, { strategy, summary, reason }: PlanReport): void {
  const details = element("details", {}, element("summary", {}, `Strategy ${strategy}: ${summary}`), `${reason}.`);
  place.replaceChildren(element("p", {}, `${what}.`), details);
}
