import { type DeviceChoice, deviceChoices } from "../index.ts";

/** The device that the page's address asks for, by `?device=software` before the `#`; undefined where it asks for none that there is. */
export function askedDevice(): DeviceChoice | undefined {
  const asked = new URLSearchParams(location.search).get("device");
  return deviceChoices.find((choice) => choice === asked);
}
