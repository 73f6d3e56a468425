import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { putManifest, putTag } from "../testing/stored.ts";
import { openStore } from "./open-store.ts";
import type { Store } from "./store.ts";

const HOUR = 60 * 60 * 1000;
const bytes = (text: string) => Buffer.from(text);
const digest = (text: string) => digestOf(bytes(text));

describe("collecting garbage", () => {
  let folder = "";
  let store: Store;
  let now = 0;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-garbage-test-"));
    now = Date.now();
    store = await openStore(folder, { durable: true, now: () => now });
    return async () => {
      store.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    };
  });
  const blobsOf = (repository: string, texts: readonly string[]) =>
    texts.filter((text) => store.blobs.size(repository, digest(text)) !== undefined);
  const fileCount = async () =>
    (await readdir(join(folder, "blobs"), { recursive: true, withFileTypes: true })).filter((one) => one.isFile())
      .length;

  it("takes blobs that no manifest of their repository refers to, and leaves the others", async () => {
    for (const text of ["config", "layer", "loose"]) await store.blobs.put("app", bytes(text));
    await store.blobs.put("other", bytes("layer"));
    putManifest(store, "app", ["config", "layer"]);
    now += 2 * HOUR;
    expect(await store.collectGarbage({ olderThanMs: HOUR })).toEqual({
      unlinkedCount: 2,
      blobCount: 1,
      uploadCount: 0,
      strayFileCount: 0,
      sizeInBytes: "loose".length,
    });
    expect(blobsOf("app", ["config", "layer", "loose"])).toEqual(["config", "layer"]);
    expect(blobsOf("other", ["layer"])).toEqual([]);
    expect(await fileCount()).toBe(2);
  });

  it("waits for the manifest of a blob that was pushed, mounted, or asked for, not long ago", async () => {
    for (const text of ["old", "asked", "mounted", "pushed again"]) await store.blobs.put("app", bytes(text));
    now += 2 * HOUR;
    await store.blobs.put("app", bytes("young"));
    await store.blobs.put("app", bytes("pushed again"));
    store.blobs.touch("app", digest("asked"));
    store.blobs.link("target", digest("mounted"), 7);
    now += HOUR / 2;
    await store.collectGarbage({ olderThanMs: HOUR });
    expect(blobsOf("app", ["old", "asked", "mounted", "pushed again", "young"])).toEqual([
      "asked",
      "pushed again",
      "young",
    ]);
    expect(blobsOf("target", ["mounted"])).toEqual(["mounted"]);
  });

  it("waits a day when nothing else is said", async () => {
    await store.blobs.put("app", bytes("loose"));
    now += 23 * HOUR;
    expect((await store.collectGarbage()).blobCount).toBe(0);
    now += 2 * HOUR;
    expect((await store.collectGarbage()).blobCount).toBe(1);
  });

  it("keeps untagged manifests and what they refer to, and lets go with the last of them", async () => {
    for (const text of ["config", "shared"]) await store.blobs.put("app", bytes(text));
    const one = putManifest(store, "app", ["config", "shared"], "one");
    const two = putManifest(store, "app", ["config", "shared"], "two");
    putTag(store, "app", "v1", one.digest);
    now += 48 * HOUR;
    expect((await store.collectGarbage()).unlinkedCount).toBe(0);
    store.manifests.delete("app", two.digest);
    expect((await store.collectGarbage()).unlinkedCount).toBe(0);
    store.tags.delete("app", "v1");
    expect((await store.collectGarbage()).unlinkedCount).toBe(0);
    store.manifests.delete("app", one.digest);
    expect((await store.collectGarbage()).unlinkedCount).toBe(2);
    // Pushed once more, a manifest keeps its blobs as the first time.
    for (const text of ["config", "shared"]) await store.blobs.put("app", bytes(text));
    putManifest(store, "app", ["config", "shared"], "one");
    now += 48 * HOUR;
    expect((await store.collectGarbage()).unlinkedCount).toBe(0);
  });

  it("keeps the blobs of what was deleted softly until that is purged", async () => {
    await store.blobs.put("app", bytes("config"));
    const { digest: manifest, content } = putManifest(store, "app", ["config"]);
    const record = store.manifests.get("app", manifest);
    if (record === undefined) throw new Error("no record");
    const deletedAt = "2024-06-01T00:00:00Z";
    store.transaction(() => {
      store.manifests.delete("app", manifest);
      store.deleted.putManifest("app", { record, content, deletedAt });
      store.repositories.delete("app", { keepBlobs: true });
    });
    now += 48 * HOUR;
    expect((await store.collectGarbage()).unlinkedCount).toBe(0);
    store.deleted.purge(deletedAt);
    expect((await store.collectGarbage()).unlinkedCount).toBe(1);
  });

  it("takes uploads that nobody touched for a week of the emulator's clock, but none that is held", async () => {
    const [old, held, touched] = [
      await store.uploads.create(),
      await store.uploads.create(),
      await store.uploads.create(),
    ];
    const append = async (uuid: string, text: string) => {
      const session = await store.uploads.open(uuid);
      if (typeof session === "string") throw new Error(session);
      await session.append(
        (async function* () {
          yield bytes(text);
        })(),
      );
      return session;
    };
    (await append(old, "12345")).release();
    const session = await append(held, "held");
    now += 6 * 24 * HOUR;
    (await append(touched, "touched")).release();
    now += 2 * 24 * HOUR;
    expect(await store.collectGarbage()).toMatchObject({ uploadCount: 1, sizeInBytes: 5 });
    expect((await readdir(join(folder, "uploads"))).sort()).toEqual([held, touched].sort());
    session.release();
  });

  it("takes nothing that is just being written, however far ahead the emulator's clock is", async () => {
    now += 30 * 24 * HOUR;
    let isOver = false;
    const collecting = (async () => {
      let collections = 0;
      for (; !isOver; collections++) await store.collectGarbage();
      return collections;
    })();
    const seed = async (index: number) => {
      await store.blobs.put("app", bytes(`seeded ${index} `.repeat(10_000)));
      expect(typeof (await store.uploads.open(await store.uploads.create()))).toBe("object");
    };
    try {
      for (let round = 0; round < 20; round++) {
        await Promise.all(Array.from({ length: 10 }, (_, index) => seed(10 * round + index)));
      }
    } finally {
      isOver = true;
    }
    expect(await collecting).toBeGreaterThan(0);
    expect(store.usage().blobCount).toBe(200);
  });

  it("takes files that no record leads to", async () => {
    const stray = join(folder, "blobs", "sha256", "00");
    await mkdir(stray, { recursive: true });
    await writeFile(join(stray, "0".repeat(64)), "stray");
    await store.blobs.put("app", bytes("kept"));
    expect(await store.collectGarbage()).toMatchObject({ strayFileCount: 1, blobCount: 0 });
    expect(await readdir(stray)).toEqual([]);
    expect(blobsOf("app", ["kept"])).toEqual(["kept"]);
  });

  it("never takes a blob from under a push that has seen it", { timeout: 30_000 }, async () => {
    let isOver = false;
    let collections = 0;
    let collected = 0;
    const collecting = (async () => {
      while (!isOver) {
        // No grace at all: everything that no manifest refers to yet goes at once.
        collected += (await store.collectGarbage({ olderThanMs: 0 })).blobCount;
        collections++;
      }
    })();
    const layers = Array.from({ length: 10 }, (_, index) => `layer ${index}`);
    let pushed = 0;
    const pusher = async (name: string) => {
      for (let round = 0; round < 150; round++) {
        const wanted = layers.filter((_, index) => (index + round) % 3 === 0);
        for (const text of wanted) await store.blobs.put(name, bytes(text));
        // As the protocol does it: looked for and written within one turn.
        if (!wanted.every((text) => store.blobs.size(name, digest(text)) !== undefined)) continue;
        pushed++;
        const { digest: manifest } = putManifest(store, name, wanted, String(round));
        await new Promise(setImmediate);
        for (const text of wanted) {
          expect(store.blobs.size(name, digest(text))).toBe(text.length);
          let read = "";
          for await (const part of store.blobs.open(digest(text))) read += part;
          expect(read).toBe(text);
        }
        store.manifests.delete(name, manifest);
      }
    };
    try {
      await Promise.all(["a", "b", "c"].map(pusher));
    } finally {
      isOver = true;
      await collecting;
    }
    expect(Math.min(pushed, collections, collected)).toBeGreaterThan(10);
  });
});
