import { expect, it } from "vitest";
import { grouped } from "./sync.ts";

it("those who ask while work is under way share the next time; nobody gets one that began before they asked", async () => {
  const finishers: ((error?: Error) => void)[] = [];
  const work = grouped(
    () =>
      new Promise((resolve, reject) => {
        finishers.push((error) => (error === undefined ? resolve() : reject(error)));
      }),
  );
  const order: string[] = [];
  const ask = (name: string) =>
    work().then(
      () => order.push(name),
      () => order.push(`${name} failed`),
    );
  const first = ask("first");
  const others = [ask("second"), ask("third")];
  expect(finishers).toHaveLength(1);
  finishers[0]?.();
  await first;
  await new Promise(setImmediate);
  expect(order).toEqual(["first"]);
  expect(finishers).toHaveLength(2);
  const late = ask("late");
  finishers[1]?.(new Error("no"));
  await Promise.all(others);
  expect(order).toEqual(["first", "second failed", "third failed"]);
  await new Promise(setImmediate);
  finishers[2]?.();
  await late;
  expect(order.at(-1)).toBe("late");
  // At rest, it begins at once.
  ask("last");
  expect(finishers).toHaveLength(4);
});
