import { expect, test } from "vitest";
import { BoundedMap } from "./bounded-map.ts";

test("the entry that was unused for longest goes first", () => {
  const map = new BoundedMap<string, number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect([...map.entries()]).toEqual([
    ["a", 1],
    ["c", 3],
  ]);
  map.set("a", 4);
  map.set("d", 5);
  expect(map.get("c")).toBeUndefined();
  expect(map.get("a")).toBe(4);
  map.delete("a");
  expect(map.get("a")).toBeUndefined();
});
