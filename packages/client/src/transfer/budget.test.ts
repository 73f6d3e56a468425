import { describe, expect, test } from "vitest";
import { Pace } from "../pipeline/pace.ts";
import { abortOf } from "../testing/client.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { TransferBudget, type TransferLimits, type TransferNeed } from "./budget.ts";

failOnUnhandled();

const LIMITS: TransferLimits = { maxUploads: 2, maxDownloads: 3, maxHeldBytes: 100 };

/** Lets everything happen that can happen without time going by. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A budget, and transfers that run until they are told to end. */
function budgetOf(limits: Partial<TransferLimits> = {}, pace = new Pace(8, () => 0)) {
  const budget = new TransferBudget({ ...LIMITS, ...limits }, pace);
  const running: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const begin = (name: string, need: Partial<TransferNeed> = {}): Promise<string> =>
    budget.run({ direction: "upload", heldBytes: 0, abortSignal: undefined, ...need }, async () => {
      running.push(name);
      try {
        await new Promise<void>((resolve, reject) => {
          ends.set(name, (error) => (error === undefined ? resolve() : reject(error)));
        });
      } finally {
        running.splice(running.indexOf(name), 1);
      }
      return name;
    });
  const end = async (name: string, error?: Error): Promise<void> => {
    ends.get(name)?.(error);
    await settle();
  };
  return { budget, pace, running, begin, end };
}

describe("turns", () => {
  test("so many each way at a time, the others in order", async () => {
    const { running, begin, end } = budgetOf();
    const uploads = ["u1", "u2", "u3", "u4"].map((name) => begin(name));
    const downloads = ["d1", "d2", "d3", "d4"].map((name) => begin(name, { direction: "download" }));
    await settle();
    expect(running).toEqual(["u1", "u2", "d1", "d2", "d3"]);
    await end("u2");
    expect(running).toEqual(["u1", "d1", "d2", "d3", "u3"]);
    await end("d1");
    expect(running).toEqual(["u1", "d2", "d3", "u3", "d4"]);
    for (const name of ["u1", "u3", "d2", "d3", "d4", "u4"]) await end(name);
    expect(await Promise.all([...uploads, ...downloads])).toEqual(["u1", "u2", "u3", "u4", "d1", "d2", "d3", "d4"]);
    expect(running).toEqual([]);
  });

  test("work that fails, at once or later, gives back what it took", async () => {
    const { budget, running, begin, end } = budgetOf({ maxUploads: 1, maxHeldBytes: 10 });
    const need: TransferNeed = { direction: "upload", heldBytes: 10, abortSignal: undefined };
    const sync = budget.run(need, () => {
      throw new RangeError("at once");
    });
    await expect(sync).rejects.toThrow("at once");
    const later = begin("a", { heldBytes: 10 });
    const next = begin("b", { heldBytes: 10 });
    await settle();
    await Promise.all([expect(later).rejects.toThrow("later"), end("a", new RangeError("later"))]);
    expect(running).toEqual(["b"]);
    await end("b");
    await next;
  });

  test("an abort ends the waiting, and the work never begins", async () => {
    const { running, begin, end } = budgetOf({ maxUploads: 1 });
    const controller = new AbortController();
    const first = begin("a");
    const second = begin("b", { abortSignal: controller.signal });
    const third = begin("c");
    await settle();
    controller.abort();
    await abortOf(second);
    expect(running).toEqual(["a"]);
    await end("a");
    expect(running).toEqual(["c"]);
    await end("c");
    await Promise.all([first, third]);
  });

  test("an abort at the very moment of the turn gives the turn back", async () => {
    const { running, begin, end } = budgetOf({ maxUploads: 1 });
    const controller = new AbortController();
    const first = begin("a").then(() => controller.abort());
    const second = abortOf(begin("b", { abortSignal: controller.signal }));
    const third = begin("c");
    await settle();
    await end("a");
    await Promise.all([first, second]);
    expect(running).toEqual(["c"]);
    await end("c");
    await third;
  });
});

describe("memory", () => {
  test("is shared by both ways, and waited for", async () => {
    const { running, begin, end } = budgetOf();
    const all = [
      begin("u1", { heldBytes: 60 }),
      begin("d1", { direction: "download", heldBytes: 40 }),
      begin("d2", { direction: "download", heldBytes: 1 }),
    ];
    await settle();
    expect(running).toEqual(["u1", "d1"]);
    await end("u1");
    expect(running).toEqual(["d1", "d2"]);
    await end("d1");
    await end("d2");
    await Promise.all(all);
  });

  test("a transfer that needs more than there is goes alone, and is not overtaken for ever", async () => {
    const { running, begin, end } = budgetOf();
    const all = [begin("small 1", { heldBytes: 10 }), begin("large", { heldBytes: 1_000 }), begin("small 2")];
    await settle();
    expect(running).toEqual(["small 1"]);
    await end("small 1");
    // What holds nothing may run beside it only if the memory is not overdrawn already.
    expect(running).toEqual(["large"]);
    await end("large");
    expect(running).toEqual(["small 2"]);
    await end("small 2");
    await Promise.all(all);
  });

  test("an upload whose content is itself a download does not wait for what it holds", async () => {
    const { budget } = budgetOf({ maxUploads: 1, maxDownloads: 1, maxHeldBytes: 10 });
    const need = { heldBytes: 10, abortSignal: undefined };
    const copied = budget.run({ ...need, direction: "upload" }, () =>
      budget.run({ ...need, direction: "download" }, async () => "copied"),
    );
    expect(await copied).toBe("copied");
  });
});

describe("a registry that says it is too much", () => {
  test("gets fewer at a time, and more again as it takes them", async () => {
    const { pace, running, begin, end } = budgetOf({ maxUploads: 4 }, new Pace(4, () => 0));
    pace.throttled(pace.round, undefined);
    const all = ["a", "b", "c", "d"].map((name) => begin(name));
    await settle();
    expect(running).toEqual(["a", "b"]);
    for (let done = 0; done < 20; done++) pace.succeeded(pace.round);
    await settle();
    expect(running).toEqual(["a", "b", "c"]);
    pace.throttled(pace.round, undefined);
    await end("a");
    await end("b");
    expect(running).toEqual(["c"]);
    await end("c");
    expect(running).toEqual(["d"]);
    await end("d");
    await Promise.all(all);
  });
});

describe("the requests of one download", () => {
  /** How many of `wanted` may be under way while so many downloads are running. */
  async function parallel(wanted: number, runningDownloads: number, pace = new Pace(8, () => 0)): Promise<number> {
    const { budget, begin, end } = budgetOf({ maxDownloads: 8 }, pace);
    const names = Array.from({ length: runningDownloads }, (_, index) => `d${index}`);
    const all = names.map((name) => begin(name, { direction: "download" }));
    await settle();
    const allowed = budget.parallel(wanted);
    for (const name of names) await end(name);
    await Promise.all(all);
    return allowed;
  }

  test.each([
    [4, 0, 4],
    [4, 1, 4],
    [12, 1, 12],
    [4, 2, 4],
    [4, 4, 2],
    [4, 8, 1],
  ])("%i wanted, %i running: %i", async (wanted, running, allowed) => {
    expect(await parallel(wanted, running)).toBe(allowed);
  });

  test("are fewer, one at the least, once the registry has said that it is too much", async () => {
    const pace = new Pace(8, () => 0);
    const seen: number[] = [];
    for (let halvings = 0; halvings < 4; halvings++) {
      pace.throttled(pace.round, undefined);
      seen.push(await parallel(12, 1, pace));
    }
    expect(seen).toEqual([4, 2, 1, 1]);
  });
});
