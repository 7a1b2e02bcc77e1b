// Which view an address shows.

import { expect, test } from "vitest";
import { readAddress, routeOf } from "../src/web/routes.ts";

test("an address has a path and a query", () => {
  expect(readAddress("#/playground?v=1&net=8-tanh?")).toEqual({ path: "/playground", query: "v=1&net=8-tanh?" });
  expect(readAddress("")).toEqual({ path: "/", query: "" });
  expect(routeOf("/image").title).toBe("Learn an image");
});

test("whatever no view has leads to the first screen, also what every object has", () => {
  const names = [...Object.getOwnPropertyNames(Object.prototype), "size", "get", "nothing"];
  for (const name of names.flatMap((one) => [one, `/${one}`, `/${one}/`])) {
    expect(readAddress(`#${name}?a=1`), name).toEqual({ path: "/", query: "a=1" });
    expect(routeOf(name).title, name).toBe("One step of gradient descent");
  }
});
