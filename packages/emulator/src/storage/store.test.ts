import { existsSync, readdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { type Digest, digestOf } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { openStore } from "./open-store.ts";
import { OPEN } from "./records.ts";
import type { Store, UploadSession } from "./store.ts";

const TIME = "2023-02-28T18:36:35.193672Z";
const bytes = (text: string) => Buffer.from(text);
async function* source(...parts: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield bytes(part);
  }
}

describe("the store", () => {
  let folder = "";
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-store-test-"));
    store = await openStore(folder, { durable: true });
    return async () => {
      store.close();
      await rm(folder, { recursive: true });
    };
  });

  const reopen = async () => {
    store.close();
    store = await openStore(folder, { durable: true });
  };
  const session = async (uuid: string): Promise<UploadSession> => {
    const opened = await store.uploads.open(uuid);
    if (typeof opened === "string") throw new Error(`the upload is ${opened}`);
    return opened;
  };
  const append = async (uuid: string, ...parts: readonly (string | Error)[]) => {
    const opened = await session(uuid);
    try {
      await opened.append(source(...parts));
      return opened.sizeInBytes;
    } finally {
      opened.release();
    }
  };
  const commit = async (uuid: string, text: string, repository = "app") => {
    const opened = await session(uuid);
    try {
      return await opened.commit(repository, digestOf(bytes(text)));
    } finally {
      opened.release();
    }
  };
  const read = async (text: string) => {
    const parts: Uint8Array[] = [];
    for await (const part of store.blobs.open(digestOf(bytes(text)))) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  const leftovers = async () => [
    ...(await readdir(join(folder, "uploads"))),
    ...(await readdir(join(folder, "removed"))),
  ];

  it("keeps records and blobs over a restart", async () => {
    store.repositories.put({ name: "app", createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN });
    const digest = digestOf(bytes("manifest"));
    const record = {
      digest,
      mediaType: "m",
      size: 8,
      imageSize: 1,
      createdTime: TIME,
      lastUpdateTime: TIME,
      attributes: OPEN,
    };
    store.manifests.put("app", { ...record, annotations: { a: "b" }, os: "linux" }, bytes("manifest"));
    store.tags.put("app", { name: "v1", digest, createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN });
    await store.blobs.put("app", bytes("blob"));
    await reopen();
    expect(store.repositories.get("app")).toMatchObject({
      manifestCount: 1,
      tagCount: 1,
      createdTime: "2023-02-28T18:36:35.1936720Z",
    });
    expect(store.manifests.get("app", digest)).toMatchObject({
      annotations: { a: "b" },
      os: "linux",
      subject: undefined,
    });
    expect(store.manifests.content("app", digest)).toEqual(new Uint8Array(bytes("manifest")));
    expect(store.tags.get("app", "v1")?.digest).toBe(digest);
    expect([store.blobs.size("app", digestOf(bytes("blob"))), await read("blob")]).toEqual([4, "blob"]);
  });

  it("reads a manifest whose image size is more than a number can be", async () => {
    const [digest, subject] = [digestOf(bytes("manifest")), digestOf(bytes("subject"))];
    const times = { createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN };
    store.repositories.put({ name: "app", ...times });
    store.manifests.put("app", { digest, subject, mediaType: "m", size: 8, imageSize: 1, ...times }, bytes("manifest"));
    store.close();
    const database = new DatabaseSync(join(folder, "metadata.sqlite"));
    database.exec(`UPDATE manifest SET imageSize = ${3n * BigInt(Number.MAX_SAFE_INTEGER)}`);
    database.close();
    store = await openStore(folder, { durable: true });
    const found = [
      store.manifests.get("app", digest),
      ...store.manifests.list("app", { limit: 9 }),
      ...store.manifests.referrers("app", subject),
    ];
    expect(found.map((record) => record?.imageSize)).toEqual(Array(3).fill(Number.MAX_SAFE_INTEGER));
  });

  it("takes back a transaction that fails", () => {
    const put = () =>
      store.repositories.put({ name: "app", createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN });
    expect(() =>
      store.transaction(() => {
        put();
        throw new Error("no");
      }),
    ).toThrow("no");
    expect(store.repositories.get("app")).toBeUndefined();
    store.transaction(() => store.transaction(put));
    expect(store.repositories.get("app")).toBeDefined();
  });

  it("does not make its folder again when that was removed", async () => {
    const uuid = await store.uploads.create();
    await append(uuid, "late");
    const opened = await session(uuid);
    await rm(folder, { recursive: true });
    await expect(opened.commit("app", digestOf(bytes("late")))).rejects.toMatchObject({ code: "ENOENT" });
    expect(existsSync(folder)).toBe(false);
    await mkdir(folder);
  });

  describe("uploads", () => {
    it("go on after a restart, hashed again from the file", async () => {
      const uuid = await store.uploads.create();
      await append(uuid, "before ");
      await reopen();
      expect(await append(uuid, "and ", "after")).toBe(16);
      expect(await commit(uuid, "before and after")).toBe(true);
      expect(await read("before and after")).toBe("before and after");
      expect(await leftovers()).toEqual([]);
    });

    it("keep what came before a source failed, and its digest", async () => {
      const uuid = await store.uploads.create();
      await expect(append(uuid, "some", new Error("cut"))).rejects.toThrow("cut");
      const opened = await session(uuid);
      expect(opened.sizeInBytes).toBe(4);
      opened.release();
      await append(uuid, " more");
      expect(await commit(uuid, "some more")).toBe(true);
    });

    it("stay when the digest does not fit, and can still be finished", async () => {
      const uuid = await store.uploads.create();
      await append(uuid, "content");
      expect(await commit(uuid, "other")).toBe(false);
      expect(store.blobs.size("app", digestOf(bytes("other")))).toBeUndefined();
      expect(await commit(uuid, "content")).toBe(true);
    });

    it("write large and small pieces in order", async () => {
      const uuid = await store.uploads.create();
      const pieces = Array.from({ length: 5000 }, (_, index) => String(index).padEnd(index % 977, "."));
      await append(uuid, ...pieces);
      expect(await commit(uuid, pieces.join(""))).toBe(true);
      expect(await read(pieces.join(""))).toBe(pieces.join(""));
    });

    it("belong to one holder at a time", async () => {
      const uuid = await store.uploads.create();
      const opened = await session(uuid);
      expect(await store.uploads.open(uuid)).toBe("busy");
      opened.release();
      await (await session(uuid)).discard();
    });

    it("are unknown once discarded, and by any name that is no id", async () => {
      const uuid = await store.uploads.create();
      const opened = await session(uuid);
      await opened.discard();
      opened.release();
      for (const name of [uuid, "..", "../metadata.sqlite", ""]) expect(await store.uploads.open(name)).toBe("unknown");
      expect(await leftovers()).toEqual([]);
    });
  });

  describe("blobs", () => {
    it("pushed at the same time by several are one blob, which all of them have", async () => {
      const repositories = ["one", "two", "three", "four"];
      const [digest] = await Promise.all(repositories.map((name) => store.blobs.put(name, bytes("same"))));
      expect(repositories.map((name) => store.blobs.size(name, digest as Digest))).toEqual([4, 4, 4, 4]);
      expect(await read("same")).toBe("same");
      expect(await leftovers()).toEqual([]);
    });

    it("are whole after every mixture of deleting and pushing again", async () => {
      const digest = digestOf(bytes("again"));
      for (let round = 0; round < 50; round++) {
        const pushing = [store.blobs.put("one", bytes("again")), store.blobs.put("two", bytes("again"))];
        if (round % 3 > 0) await pushing[round % 2];
        store.blobs.unlink("one", digest);
        store.blobs.unlink("two", digest);
        await Promise.all(pushing);
        if (store.blobs.sizeAnywhere(digest) !== undefined) expect(await read("again")).toBe("again");
      }
      await store.blobs.put("one", bytes("again"));
      expect(await read("again")).toBe("again");
    });

    it("are removed although a repository without any was deleted before", async () => {
      store.repositories.delete("empty");
      const digest = await store.blobs.put("app", bytes("blob"));
      store.blobs.unlink("app", digest);
      await expect
        .poll(() => existsSync(join(folder, "blobs", "sha256", digest.slice(7, 9), digest.slice(7))))
        .toBe(false);
      await store.collectGarbage();
    });

    it("keep their bytes when a repository's deletion is taken back", async () => {
      const digest = await store.blobs.put("app", bytes("kept"));
      const work = () => {
        store.repositories.delete("app");
        throw new Error("no");
      };
      expect(() => store.transaction(work)).toThrow("no");
      await setTimeout(20);
      expect(store.blobs.size("app", digest)).toBe(4);
      expect(await read("kept")).toBe("kept");
    });

    it("are stored once, and go with their last link", async () => {
      const digest = await store.blobs.put("one", bytes("shared"));
      await store.blobs.put("two", bytes("shared"));
      const file = join(folder, "blobs", "sha256", digest.slice(7, 9), digest.slice(7));
      store.blobs.unlink("one", digest);
      expect(existsSync(file)).toBe(true);
      expect(store.blobs.unlink("one", digest)).toBe(false);
      store.repositories.delete("two");
      await expect.poll(() => existsSync(file)).toBe(false);
      expect(store.blobs.sizeAnywhere(digest)).toBeUndefined();
    });

    it("are read to the end although deleted meanwhile", async () => {
      const text = "x".repeat(3 * 1024 * 1024);
      const digest = await store.blobs.put("app", bytes(text));
      const reading = store.blobs.open(digest)[Symbol.asyncIterator]();
      let length = (await reading.next()).value.byteLength;
      store.blobs.unlink("app", digest);
      for (let part = await reading.next(); !part.done; part = await reading.next()) length += part.value.byteLength;
      expect(length).toBe(text.length);
    });
  });

  describe("cleared", () => {
    it("holds nothing, and goes on", async () => {
      store.repositories.put({ name: "app", createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN });
      const digest = await store.blobs.put("app", bytes("blob"));
      const record = { digest, mediaType: "m", size: 8, imageSize: 1, createdTime: TIME, lastUpdateTime: TIME };
      store.manifests.put("app", { ...record, attributes: OPEN }, bytes("manifest"));
      store.tags.put("app", { name: "v1", digest, createdTime: TIME, lastUpdateTime: TIME, attributes: OPEN });
      store.deleted.putRepository({ name: "old", createdTime: TIME, deletedAt: TIME });
      const uuid = await store.uploads.create();
      const pushing = store.blobs.put("app", bytes("under way"));
      await store.clear();
      // It came before, and went with the rest, or lost its file, or came after.
      await Promise.allSettled([pushing]);
      const left = store.blobs.size("app", digestOf(bytes("under way"))) === undefined ? 0 : 1;
      expect(store.repositories.list({ limit: 10 })).toEqual([]);
      expect(store.deleted.repositories({ limit: 10 })).toEqual([]);
      expect(store.usage()).toEqual({ sizeInBytes: left * 9, blobCount: left, manifestCount: 0, tagCount: 0 });
      expect(await store.uploads.open(uuid)).toBe("unknown");
      await store.blobs.put("app", bytes("new"));
      await reopen();
      expect(await read("new")).toBe("new");
      expect(store.blobs.sizeAnywhere(digest)).toBeUndefined();
      expect(await leftovers()).toEqual([]);
    });
  });

  describe("at its start", () => {
    it("removes what a crash left behind: files without a link, files on their way out", async () => {
      const kept = await store.blobs.put("app", bytes("kept"));
      const orphan = join(folder, "blobs", "sha256", "00");
      await mkdir(orphan, { recursive: true });
      await writeFile(join(orphan, "0".repeat(64)), "moved into place, never linked");
      await writeFile(join(folder, "removed", "x"), "moved aside, not yet deleted");
      await reopen();
      expect(readdirSync(orphan)).toEqual([]);
      expect(await leftovers()).toEqual([]);
      expect(await read("kept")).toBe("kept");
      expect(store.blobs.size("app", kept)).toBe(4);
    });

    it("removes uploads that nobody touched for a week", async () => {
      const [old, young] = [await store.uploads.create(), await store.uploads.create()];
      const weekAgo = Date.now() / 1000 - 8 * 24 * 60 * 60;
      await utimes(join(folder, "uploads", old), weekAgo, weekAgo);
      await reopen();
      expect(await leftovers()).toEqual([young]);
    });
  });
});
