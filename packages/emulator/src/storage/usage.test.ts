import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, digestOf } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";

import { seededChoices } from "../testing/seeded.ts";
import { putManifest, putTag } from "../testing/stored.ts";
import { openStore } from "./open-store.ts";
import type { Store } from "./store.ts";

describe("usage", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-usage-test-"));
    return () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  it("is what there is, after whatever has happened", async () => {
    const random = seededChoices();
    let store = await openStore(folder, { durable: false });
    const repositories = ["a", "b", "c/d"];
    const texts = Array.from({ length: 12 }, (_, index) => `blob ${index} `.repeat(index + 1));
    const blob = () => random.pick(texts);
    const anyManifest = (name: string) => {
      const [first] = store.manifests.list(name, { limit: 1 });
      return first?.digest ?? digestOf(Buffer.from("none"));
    };
    const acts: ((name: string) => unknown)[] = [
      (name) => store.blobs.put(name, Buffer.from(blob())),
      (name) => store.blobs.unlink(name, digestOf(Buffer.from(blob()))),
      (name) => {
        const digest = digestOf(Buffer.from(blob()));
        const size = store.blobs.sizeAnywhere(digest);
        if (size !== undefined) store.blobs.link(name, digest, size);
      },
      (name) => putManifest(store, name, [blob(), blob()], String(random.below(5))),
      (name) => store.manifests.delete(name, anyManifest(name)),
      (name) => putTag(store, name, `t${random.below(6)}`, anyManifest(name)),
      (name) => store.tags.delete(name, `t${random.below(6)}`),
      (name) => {
        const manifest = store.manifests.get(name, anyManifest(name));
        if (manifest !== undefined) store.manifests.put(name, { ...manifest, os: "linux" });
      },
      (name) => random.below(8) === 0 && store.repositories.delete(name),
      async () => {
        if (random.below(10) > 0) return;
        store.close();
        store = await openStore(folder, { durable: false });
      },
      () => random.below(12) === 0 && store.collectGarbage({ olderThanMs: 0 }),
    ];
    for (let step = 0; step < 400; step++) {
      await random.pick(acts)(random.pick(repositories));
      expect(store.usage(), `after step ${step}, seed ${random.seed}`).toEqual(truth(store, repositories, texts));
      for (const name of repositories) {
        const counted = store.repositories.get(name);
        if (counted === undefined) continue;
        expect([counted.manifestCount, counted.tagCount], `seed ${random.seed}`).toEqual([
          store.manifests.list(name, { limit: -1 }).length,
          store.tags.list(name, { limit: -1 }).length,
        ]);
      }
    }
    // And the files are those of the blobs that are counted.
    await store.collectGarbage();
    const { blobCount } = store.usage();
    const files = (await readdir(join(folder, "blobs"), { recursive: true, withFileTypes: true })).filter((entry) =>
      entry.isFile(),
    );
    expect(files.length, `seed ${random.seed}`).toBe(blobCount);
    store.close();
  });

  it("costs one row, however much there is", async () => {
    const store = await openStore(folder, { durable: false });
    expect(store.usage()).toEqual({ sizeInBytes: 0, blobCount: 0, manifestCount: 0, tagCount: 0 });
    store.close();
  });
});

function truth(store: Store, repositories: readonly string[], texts: readonly string[]) {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);
  const digests = texts.map((text): [Digest, number] => [digestOf(Buffer.from(text)), text.length]);
  const blobs = digests.filter(([digest]) => repositories.some((name) => store.blobs.size(name, digest) !== undefined));
  const manifests = repositories.flatMap((name) => store.manifests.list(name, { limit: -1 }));
  const tags = repositories.flatMap((name) => store.tags.list(name, { limit: -1 }));
  return {
    sizeInBytes: sum(blobs.map(([, size]) => size)) + sum(manifests.map(({ size }) => size)),
    blobCount: blobs.length,
    manifestCount: manifests.length,
    tagCount: tags.length,
  };
}

describe("a quota", () => {
  let folder = "";
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-quota-test-"));
    store = await openStore(folder, { durable: false, quotaBytes: 1000 });
    return async () => {
      store.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    };
  });
  const bytes = (length: number, fill = "x") => Buffer.alloc(length, fill);
  const files = async () => {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const sizes = entries
      .filter((entry) => entry.isFile() && /^[0-9a-f-]{36,}$/.test(entry.name))
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  };

  it("is filled to the last byte, and not beyond", async () => {
    await store.blobs.put("app", bytes(600));
    await expect(store.blobs.put("app", bytes(401, "y"))).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
      quotaBytes: 1000,
    });
    expect([store.usage().sizeInBytes, await files()]).toEqual([600, 600]);
    await store.blobs.put("app", bytes(400, "z"));
    expect(store.usage().sizeInBytes).toBe(1000);
    // What is there already takes no more room, wherever it is linked.
    await store.blobs.put("other", bytes(600));
    expect(store.usage()).toMatchObject({ sizeInBytes: 1000, blobCount: 2 });
  });

  it("stops an upload as it flows, and frees what it took", async () => {
    const uuid = await store.uploads.create();
    const session = await store.uploads.open(uuid);
    if (typeof session === "string") throw new Error(session);
    let asked = 0;
    const endless = async function* () {
      for (;;) {
        asked++;
        yield bytes(300);
      }
    };
    await expect(session.append(endless())).rejects.toMatchObject({ code: "QUOTA_EXCEEDED" });
    session.release();
    expect(asked).toBe(4);
    expect(await files()).toBe(0);
    expect(await store.uploads.open(uuid)).toBe("unknown");
  });

  it("lets one of two uploads in that fit alone but not together", async () => {
    const settled = await Promise.allSettled([
      store.blobs.put("app", bytes(600)),
      store.blobs.put("app", bytes(600, "y")),
    ]);
    expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect([store.usage().sizeInBytes, await files()]).toEqual([600, 600]);
  });

  it("counts manifests, but none a second time", () => {
    const { content } = putManifest(store, "app", ["c"], "a".repeat(300));
    expect(store.usage().sizeInBytes).toBe(content.byteLength);
    expect(() => putManifest(store, "app", ["c"], "b".repeat(700))).toThrow("quota");
    expect(store.usage()).toMatchObject({ sizeInBytes: content.byteLength, manifestCount: 1 });
    putManifest(store, "app", ["c"], "a".repeat(300));
    expect(store.usage().manifestCount).toBe(1);
  });

  it("that is no number of bytes is refused", async () => {
    for (const quotaBytes of [-1, Number.NaN]) {
      await expect(openStore(join(folder, "x"), { durable: false, quotaBytes })).rejects.toThrow("quotaBytes");
    }
  });
});
