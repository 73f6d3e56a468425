import { expect, it } from "vitest";
import { HelperAnswers } from "./helper-answers.ts";

const MINUTE_MS = 60_000;

/** A helper that gives another token each time, and a clock to turn. */
function scene(isEmpty = false) {
  const state = { nowMs: 0, runs: 0 };
  const answers = new HelperAnswers(() => state.nowMs);
  const ask = async () => {
    state.runs++;
    return isEmpty ? undefined : { refreshToken: `token ${state.runs}` };
  };
  return { state, get: (asker: string, key = "helper") => answers.get(key, asker, undefined, ask) };
}

it("one answer is for every repository, at the same time or one after the other", async () => {
  const { state, get } = scene();
  await Promise.all(["a", "b"].map((repository) => get(repository)));
  expect(await get("c")).toEqual({ refreshToken: "token 1" });
  expect(state.runs).toBe(1);
});

it("whoever asks again gets a new one, and so do all who ask after that", async () => {
  const { state, get } = scene();
  await get("a");
  await get("b");
  expect(await get("a")).toEqual({ refreshToken: "token 2" });
  expect(await get("b")).toEqual({ refreshToken: "token 2" });
  expect(state.runs).toBe(2);
});

it("an answer is forgotten after five minutes", async () => {
  const { state, get } = scene();
  await get("a");
  state.nowMs = 5 * MINUTE_MS - 1;
  expect(await get("b")).toEqual({ refreshToken: "token 1" });
  state.nowMs = 5 * MINUTE_MS;
  expect(await get("c")).toEqual({ refreshToken: "token 2" });
});

it("another helper, or another registry, has an answer of its own", async () => {
  const { state, get } = scene();
  await get("a");
  await get("a", "other");
  expect(state.runs).toBe(2);
});

it("that there is nothing is not remembered", async () => {
  const { state, get } = scene(true);
  expect(await get("a")).toBeUndefined();
  expect(await get("b")).toBeUndefined();
  expect(state.runs).toBe(2);
});
