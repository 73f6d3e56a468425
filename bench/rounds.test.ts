import { expect, test, vi } from "vitest";
import { interleave, interleaveThoseWhoCan, medians } from "./rounds.ts";

test("everyone goes once a round, and first in turn", async () => {
  const order: string[] = [];
  const measure = async (name: string, round: number) => order.push(`${name}${round}`);
  await interleave(["a", "b", "c"], 3, measure);
  expect(order.join(" ")).toBe("a0 b0 c0 b1 c1 a1 c2 a2 b2");
});

test("who fails is named once, tried no more, and left out; the others go on", async () => {
  const complaints = vi.spyOn(console, "error").mockImplementation(() => {});
  let tries = 0;
  const results = await interleaveThoseWhoCan(["a", "b"], 3, async (name, round) => {
    if (name === "a") return round;
    tries++;
    if (round === 1) throw new Error("no more");
    return round;
  });
  expect(results).toEqual({ a: [0, 1, 2] });
  expect(tries).toBe(2);
  expect(complaints.mock.calls).toEqual([["Left out, since it failed: b: no more"]]);
  complaints.mockRestore();
});

test("the median of an even number lies between the middle two", () => {
  expect(medians({ a: [4, 1, 3, 2], b: [9, 1, 5] }, (rate) => rate)).toEqual({ a: 2.5, b: 5 });
});
