// A network that one view hands to another, beside the address that says how it can be trained again.

import type { FloatArray } from "../index.ts";

/** A network as it is. */
export interface HandedOver {
  readonly parameters: FloatArray;
  /** Step that they belong to. */
  readonly firstStep: number;
}

let onItsWay: { readonly hash: string; readonly network: HandedOver } | undefined;

/** Leads to a view, which takes the network with it. @param hash of the view, `#/playground?…` */
export function handOver(hash: string, network: HandedOver): void {
  onItsWay = { hash, network };
  location.hash = hash;
}

/** What was handed to the view that is shown now; undefined where its address was come to in another way. */
export function takeHandedOver(): HandedOver | undefined {
  const network = onItsWay?.hash === location.hash ? onItsWay.network : undefined;
  onItsWay = undefined;
  return network;
}
