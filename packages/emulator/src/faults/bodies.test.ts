import { once } from "node:events";
import { createReadStream } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ByteSource } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import { corruptAt, endAfter, lengthOf, type Pacing, paced, untilAborted, withBody } from "./bodies.ts";

async function* source(...pieces: readonly string[]): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) yield Buffer.from(piece);
}

const textOf = async (body: ByteSource) => {
  let text = "";
  for await (const part of body) text += `${Buffer.from(part).toString()}|`;
  return text;
};

describe("a body that ends early", () => {
  it.for<[number, string, boolean]>([
    [0, "", true],
    [1, "a|", true],
    [3, "abc|", true],
    [4, "abc|d|", true],
    [6, "abc|def|", false],
    [7, "abc|def|", false],
  ])("after %i bytes", async ([bytes, expected, ends]) => {
    let ended = 0;
    expect(await textOf(endAfter(source("abc", "def"), bytes, () => ended++))).toBe(expected);
    expect(ended).toBe(ends ? 1 : 0);
  });

  it("closes the one below", async () => {
    let closed = false;
    async function* watched() {
      try {
        yield* source("abc", "def", "ghi");
      } finally {
        closed = true;
      }
    }
    await textOf(endAfter(watched(), 4, () => {}));
    expect(closed).toBe(true);
  });

  it("reads nothing ahead", async () => {
    const seen: string[] = [];
    async function* watched() {
      for (const piece of ["a", "b", "c"]) {
        seen.push(piece);
        yield Buffer.from(piece);
      }
    }
    const parts = endAfter(watched(), 10, () => {})[Symbol.asyncIterator]();
    await parts.next();
    expect(seen).toEqual(["a"]);
    await parts.return?.();
  });

  it("closes a file that it is left without having read", async () => {
    const file = createReadStream(fileURLToPath(import.meta.url));
    await once(file, "open");
    await endAfter(file, 10, () => {})
      [Symbol.asyncIterator]()
      .return?.();
    if (!file.closed) await once(file, "close");
    expect(file.destroyed).toBe(true);
  });
});

describe("a corrupt body", () => {
  it.for<[number, string, number]>([
    [0, "Abc|def|", 1],
    [2, "abC|def|", 1],
    [3, "abc|Def|", 1],
    [5, "abc|deF|", 1],
    [6, "abc|def|", 0],
  ])("differs in byte %i", async ([at, expected, times]) => {
    let done = 0;
    expect(await textOf(corruptAt(source("abc", "def"), at, 0x20, () => done++))).toBe(expected);
    expect(done).toBe(times);
  });

  it("leaves the bytes it was given alone", async () => {
    const bytes = Buffer.from("abc");
    const response = withBody({ status: 200, headers: [], body: bytes }, (body) => corruptAt(body, 0, 1, () => {}));
    await textOf(response.body as ByteSource);
    expect(bytes.toString()).toBe("abc");
  });
});

describe("a slow body", () => {
  /** A clock that only sleeping moves, `late` milliseconds too far each time. */
  const simulated = (late = 0) => {
    let time = 0;
    const sleeps: number[] = [];
    const pacing: Pacing = {
      now: () => time,
      async sleep(ms) {
        sleeps.push(ms);
        time += ms + late;
      },
    };
    return { pacing, sleeps, time: () => time };
  };

  it("takes as long as its bytes do, in small steps", async () => {
    const { pacing, sleeps, time } = simulated();
    const text = await textOf(paced(source("a".repeat(500), "b".repeat(500)), 1000, pacing));
    expect(text.replaceAll("|", "")).toBe("a".repeat(500) + "b".repeat(500));
    expect(time()).toBeCloseTo(1000, 6);
    expect(Math.max(...sleeps)).toBeLessThanOrEqual(50);
  });

  it("makes up for late timers", async () => {
    const { pacing, time } = simulated(2);
    await textOf(paced(source("a".repeat(1000)), 1000, pacing));
    expect(time()).toBeLessThan(1010);
  });

  it("lets single bytes through at a byte a second", async () => {
    const { pacing, sleeps } = simulated();
    expect(await textOf(paced(source("abc"), 1, pacing))).toBe("a|b|c|");
    expect(sleeps).toEqual([1000, 1000, 1000]);
  });

  it("is not slowed down when it is slower by itself", async () => {
    const { pacing, sleeps } = simulated();
    async function* slow() {
      for (const piece of ["a", "b", "c"]) {
        await pacing.sleep(5000);
        yield Buffer.from(piece);
      }
    }
    await textOf(paced(slow(), 1000, pacing));
    expect(sleeps).toEqual([5000, 5000, 5000]);
  });
});

describe("a body that can be cut off", () => {
  /** Gives one piece and gets stuck. */
  const stuck = () => {
    const state = { isClosed: false, goOn: () => {} };
    const body = async function* () {
      try {
        yield Buffer.from("abc");
        await new Promise<void>((resolve) => {
          state.goOn = resolve;
        });
        yield Buffer.from("def");
      } finally {
        state.isClosed = true;
      }
    };
    return { state, body: body() };
  };

  it("is the same as long as it is not", async () => {
    expect(await textOf(untilAborted(source("abc", "def"), new AbortController().signal))).toBe("abc|def|");
  });

  it("fails at once, stuck or not, and is closed when it can be", async () => {
    const { state, body } = stuck();
    const cutting = new AbortController();
    const parts = untilAborted(body, cutting.signal)[Symbol.asyncIterator]();
    await parts.next();
    const next = parts.next();
    cutting.abort();
    await expect(next).rejects.toMatchObject({ name: "ConnectionCut" });
    await expect(parts.next()).rejects.toMatchObject({ name: "ConnectionCut" });
    await parts.return?.();
    expect(state.isClosed).toBe(false);
    state.goOn();
    await expect.poll(() => state.isClosed).toBe(true);
  });

  it("closes the one below when its reader stops early", async () => {
    const { state, body } = stuck();
    for await (const _ of untilAborted(body, new AbortController().signal)) break;
    expect(state.isClosed).toBe(true);
  });

  it("passes on what goes wrong below", async () => {
    const { signal } = new AbortController();
    const failing = withFailure(new Error("broken"));
    await expect(textOf(untilAborted(failing, signal))).rejects.toThrow("broken");
  });
});

// biome-ignore lint/correctness/useYield: it does not come so far
async function* withFailure(error: Error): AsyncGenerator<Uint8Array, void, undefined> {
  throw error;
}

describe("the length of a body", () => {
  it("is known of bytes and of what announces it", () => {
    expect(lengthOf({ status: 200, headers: [] })).toBe(0);
    expect(lengthOf({ status: 200, headers: [], body: Buffer.from("abc") })).toBe(3);
    expect(lengthOf({ status: 200, headers: [["content-LENGTH", "7"]], body: source("abc") })).toBe(7);
    expect(lengthOf({ status: 200, headers: [], body: source("abc") })).toBeUndefined();
  });
});
