import { describe, expect, test } from "vitest";
import { Pace } from "../pipeline/pace.ts";
import { type OpenDownload, OpenDownloads } from "./open-downloads.ts";

const never = new AbortController().signal;
/** Long enough for every timer of no time at all to have fired. */
const macrotasks = async () => {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
};

/** Starts `count` downloads at once; `begun` holds those that had their turn, in order. */
function start(downloads: OpenDownloads, count: number, begun: OpenDownload[], signal = never): Promise<unknown>[] {
  return Array.from({ length: count }, () => downloads.begin(signal).then((turn) => begun.push(turn)));
}

describe("downloads that are started together", () => {
  test("begin as others end, as long as any of them moves", async () => {
    const downloads = new OpenDownloads(2, new Pace(2));
    const begun: OpenDownload[] = [];
    const all = start(downloads, 5, begun);
    await macrotasks();
    expect(begun).toHaveLength(2);
    begun[0]?.close();
    await macrotasks();
    expect(begun).toHaveLength(3);
    for (let index = 0; index < 5; index++) {
      begun[index]?.close();
      begun[index]?.close();
      await macrotasks();
    }
    await Promise.all(all);
    expect(begun).toHaveLength(5);
  });

  test("are never stuck: when none moves, one more begins", async () => {
    const downloads = new OpenDownloads(2, new Pace(2));
    const begun: OpenDownload[] = [];
    start(downloads, 5, begun);
    await macrotasks();
    for (let count = 2; count < 5; count++) {
      expect(begun).toHaveLength(count);
      for (const turn of begun) turn.rests();
      await macrotasks();
    }
    expect(begun).toHaveLength(5);
  });

  test("do not overtake one that rests only between two pieces", async () => {
    const downloads = new OpenDownloads(1, new Pace(1));
    const begun: OpenDownload[] = [];
    start(downloads, 2, begun);
    await macrotasks();
    begun[0]?.rests();
    await Promise.resolve();
    begun[0]?.moves();
    await macrotasks();
    expect(begun).toHaveLength(1);
  });

  test("leave when they are aborted, waiting or open", async () => {
    const downloads = new OpenDownloads(1, new Pace(1));
    const begun: OpenDownload[] = [];
    const abort = new AbortController();
    start(downloads, 1, begun, abort.signal);
    const [waiting] = start(downloads, 1, begun, abort.signal);
    start(downloads, 1, begun);
    await macrotasks();
    expect(begun).toHaveLength(1);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
    await macrotasks();
    expect(begun).toHaveLength(2);
  });
});
