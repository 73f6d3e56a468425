import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Descriptor,
  type Digest,
  digestOf,
  formatLayoutIndex,
  formatLayoutMarker,
  layoutBlobPath,
  MediaType,
  parseLayoutIndex,
  refNameOf,
  withRefName,
} from "@acrkit/oci";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { OPEN, type TagRecord } from "../storage/records.ts";
import type { Store } from "../storage/store.ts";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";
import { exportLayout } from "./export-layout.ts";
import { importLayout } from "./import-layout.ts";

const SCOPE = "repository:app:pull,push,delete,metadata_read,metadata_write";

/** A layout under construction. */
class Layout {
  readonly folder: string;
  entries: Descriptor[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  async blob(mediaType: string, content: string | object): Promise<Descriptor> {
    const bytes = Buffer.from(typeof content === "string" ? content : JSON.stringify(content));
    const digest = digestOf(bytes);
    await mkdir(join(this.folder, "blobs/sha256"), { recursive: true });
    await writeFile(join(this.folder, layoutBlobPath(digest)), bytes);
    return { mediaType, digest, size: bytes.byteLength };
  }

  async image(layer: string, members: object = {}): Promise<Descriptor> {
    const config = await this.blob(MediaType.ociConfig, { architecture: "amd64", os: "linux" });
    const layers = [await this.blob(MediaType.ociLayer, layer)];
    const mediaType = MediaType.ociManifest;
    return this.blob(mediaType, { schemaVersion: 2, mediaType, config, layers, ...members });
  }

  async index(...manifests: Descriptor[]): Promise<Descriptor> {
    return this.blob(MediaType.ociIndex, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests });
  }

  async write(): Promise<void> {
    await writeFile(join(this.folder, "oci-layout"), formatLayoutMarker());
    await writeFile(join(this.folder, "index.json"), formatLayoutIndex(this.entries));
  }
}

describe("an OCI layout", () => {
  let folder = "";
  let test: TestRegistry;
  let layout: Layout;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-layout-test-"));
    test = await testRegistry();
    layout = new Layout(join(folder, "in"));
    await mkdir(layout.folder);
    return async () => {
      await test[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    };
  });

  const bring = (options: { repository?: string; references?: readonly string[] } = {}) =>
    importLayout(test.registry.context, layout.folder, { repository: "app", ...options });
  const take = (to: string, references?: readonly string[]) =>
    exportLayout(test.registry.context.store, join(folder, to), {
      repository: "app",
      ...(references === undefined ? {} : { references }),
    });
  const get = (reference: string) =>
    test.send("GET", `/v2/app/manifests/${reference}`, {
      scope: SCOPE,
      headers: { accept: `${MediaType.ociManifest}, ${MediaType.ociIndex}` },
    });
  const has = async (digest: Digest) => (await get(digest)).status === 200;

  it("becomes tags, manifests and blobs that are served as if they had been pushed", async () => {
    const [one, two] = [await layout.image("one"), await layout.image("two")];
    const inner = await layout.index(two);
    const outer = await layout.index(one, inner);
    layout.entries = [withRefName(outer, "v1"), withRefName(two, "registry.example:5000/team/app:v2"), one];
    await layout.write();

    const before = await test.registry.context.store.usage();
    expect(await bring()).toMatchObject({
      tags: { v1: outer.digest, v2: two.digest },
      manifestCount: 4,
      blobCount: 3,
    });
    expect((await get("v1")).header("Docker-Content-Digest")).toBe(outer.digest);
    expect((await get(inner.digest)).status).toBe(200);
    const blob = await test.send("GET", `/v2/app/blobs/${digestOf(Buffer.from("one"))}`, { scope: SCOPE });
    expect((await test.download(blob.header("Location") ?? "")).text).toBe("one");
    const { json } = await test.send("GET", `/acr/v1/app/_manifests/${one.digest}`, { scope: SCOPE });
    expect(json.manifest).toMatchObject({ architecture: "amd64", os: "linux", imageSize: 3 });
    expect([before.blobCount, test.registry.context.store.usage().blobCount]).toEqual([0, 3]);
    // A second time nothing is new.
    const once = test.registry.context.store.usage();
    await bring();
    expect(test.registry.context.store.usage()).toEqual(once);
    expect(await readdir(join(test.folder, "uploads"))).toEqual([]);
  });

  it("gives only what is asked for, by tag, name or digest, with what is attached to it", async () => {
    const [one, two] = [await layout.image("one"), await layout.image("two")];
    const signature = await layout.image("signature", { subject: one });
    const approval = await layout.image("approval", { subject: signature });
    const other = await layout.image("other", { subject: two });
    layout.entries = [withRefName(one, "v1"), withRefName(two, "team/app:v2"), approval, signature, other];
    await layout.write();

    await bring({ references: ["v1"] });
    expect(await Promise.all([one, two, signature, approval, other].map(({ digest }) => has(digest)))).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
    const referrers = await test.send("GET", `/v2/app/referrers/${one.digest}`, { scope: SCOPE });
    expect(referrers.json.manifests.map(({ digest }: Descriptor) => digest)).toEqual([signature.digest]);
    expect((await bring({ references: ["team/app:v2"] })).tags).toEqual({ v2: two.digest });
    expect((await bring({ references: [signature.digest] })).tags).toEqual({});
    await expect(bring({ references: ["v3"] })).rejects.toThrow(/"v3" is not valid: the layout has v1, team\/app:v2/);
  });

  it("may hold entries of unknown types, null members, layers from elsewhere", async () => {
    const image = await layout.image("one", {
      layers: [
        { mediaType: MediaType.ociLayer, digest: digestOf(Buffer.from("far")), size: 3, urls: ["https://x.example"] },
      ],
      annotations: null,
    });
    layout.entries = [
      { mediaType: "application/xml", digest: digestOf(Buffer.from("nowhere")), size: 7 },
      { ...withRefName(image, "v1"), annotations: { "org.opencontainers.image.ref.name": "v1" } },
    ];
    await layout.write();
    expect(await bring()).toMatchObject({ manifestCount: 1, blobCount: 1 });
  });

  describe("that is broken changes nothing, and the file at fault is named", () => {
    const layer = layoutBlobPath(digestOf(Buffer.from("one")));
    it.for<[string, string, (folder: string, image: Descriptor) => Promise<unknown>]>([
      ["no marker", "oci-layout: it is missing", (at) => rm(join(at, "oci-layout"))],
      [
        "a newer one",
        'oci-layout: version "9"',
        (at) => writeFile(join(at, "oci-layout"), '{"imageLayoutVersion":"9"}'),
      ],
      ["no index", "index.json: it is missing", (at) => rm(join(at, "index.json"))],
      ["half an index", "index.json: it is not JSON", (at) => truncate(join(at, "index.json"), 50)],
      [
        "an endless index",
        "index.json: it is not a file",
        async (at) => {
          await rm(join(at, "index.json"));
          await symlink("/dev/zero", join(at, "index.json"));
        },
      ],
      ["a missing layer", `${layer}: it is missing`, (at) => rm(join(at, layer))],
      ["a cut layer", `${layer}: its size is 2 bytes`, (at) => truncate(join(at, layer), 2)],
      ["another layer", `${layer}: content differs`, (at) => writeFile(join(at, layer), "two")],
      ["a longer layer", `${layer}: its size is 12 bytes`, (at) => writeFile(join(at, layer), "one and more")],
      [
        "a folder as layer",
        `${layer}: it is not a file`,
        async (at) => {
          await rm(join(at, layer));
          await mkdir(join(at, layer));
        },
      ],
      [
        "a pipe as layer, which nobody writes to",
        `${layer}: it is not a file`,
        async (at) => {
          await rm(join(at, layer));
          execFileSync("mkfifo", [join(at, layer)]);
        },
      ],
      ["a missing manifest", "it is missing", (at, image) => rm(join(at, layoutBlobPath(image.digest)))],
      [
        "another manifest",
        "differs",
        (at, { digest, size }) => writeFile(join(at, layoutBlobPath(digest)), " ".repeat(size)),
      ],
    ])("%s", async ([, problem, damage]) => {
      const image = await layout.image("one");
      const other = await layout.image("sound");
      layout.entries = [withRefName(other, "sound"), withRefName(await layout.index(image), "v1")];
      await layout.write();
      await damage(layout.folder, image);
      await expect(bring()).rejects.toMatchObject({
        code: "INVALID_LAYOUT",
        message: expect.stringContaining(problem),
      });
      expect(test.registry.context.store.usage()).toEqual({
        sizeInBytes: 0,
        blobCount: 0,
        manifestCount: 0,
        tagCount: 0,
      });
      expect(test.registry.context.store.repositories.list({ limit: 1 })).toEqual([]);
      expect(await readdir(join(test.folder, "uploads"))).toEqual([]);
    });
  });

  it("is refused when two of its manifests have one tag, and taken when one is named", async () => {
    const [one, two] = [await layout.image("one"), await layout.image("two")];
    layout.entries = [withRefName(one, "a/x:v1"), withRefName(two, "b/y:v1")];
    await layout.write();
    await expect(bring()).rejects.toThrow('tag "v1" is not valid: two manifests');
    expect((await bring({ references: ["b/y:v1"] })).tags).toEqual({ v1: two.digest });
  });

  it("does not move a locked tag, nor enter a locked repository", async () => {
    await test.pushImage("app", "v1");
    const locked = { scope: SCOPE, body: '{"writeEnabled":false}' };
    await test.send("PATCH", "/acr/v1/app/_tags/v1", locked);
    layout.entries = [withRefName(await layout.image("one"), "v1")];
    await layout.write();
    await expect(bring()).rejects.toThrow('tag "v1" is not valid: it is locked');
    await test.send("PATCH", "/acr/v1/app", locked);
    await expect(bring()).rejects.toThrow("locked");
    await expect(bring({ repository: "../app" })).rejects.toThrow("repository name");
  });

  describe("whose contents are taken away while it is imported is not imported", () => {
    const acts: [string, (store: Store) => unknown, string][] = [
      ["by a reset", (store) => store.clear(), "removed sha256:"],
      ["by a collection of garbage", (store) => store.collectGarbage({ olderThanMs: 0 }), "removed sha256:"],
      [
        "by a deletion",
        (store) => store.blobs.unlink("app", digestOf(Buffer.from("two"))),
        `removed ${digestOf(Buffer.from("two"))}`,
      ],
    ];
    it.for(acts)("%s", async ([, act, problem]) => {
      const { store } = test.registry.context;
      layout.entries = [withRefName(await layout.image("one"), "v1"), withRefName(await layout.image("two"), "v2")];
      await layout.write();
      // All blobs are there when the first config is read.
      const open = store.blobs.open.bind(store.blobs);
      let acting: unknown;
      vi.spyOn(store.blobs, "open").mockImplementationOnce((digest) => {
        acting = act(store);
        return open(digest);
      });
      await expect(bring()).rejects.toThrow(problem);
      await acting;
      expect(store.usage()).toMatchObject({ manifestCount: 0, tagCount: 0 });
      expect(store.repositories.list({ limit: 1 })).toEqual([]);
    });

    it("by a reset among its blobs", async () => {
      const { store } = test.registry.context;
      layout.entries = [withRefName(await layout.image("one"), "v1")];
      await layout.write();
      const create = store.uploads.create.bind(store.uploads);
      vi.spyOn(store.uploads, "create").mockImplementationOnce(async () => {
        const uuid = await create();
        await store.clear();
        return uuid;
      });
      await expect(bring()).rejects.toThrow("nothing was imported");
      expect(store.usage()).toMatchObject({ blobCount: 0, manifestCount: 0 });
    });
  });

  it("notices a lock that comes while it is imported", async () => {
    const { store } = test.registry.context;
    await test.pushImage("app", "v1");
    layout.entries = [withRefName(await layout.image("other"), "v2"), withRefName(await layout.image("one"), "v1")];
    await layout.write();
    const before = store.usage();
    const open = store.blobs.open.bind(store.blobs);
    vi.spyOn(store.blobs, "open").mockImplementationOnce((digest) => {
      const tag = store.tags.get("app", "v1") as TagRecord;
      store.tags.put("app", { ...tag, attributes: { ...OPEN, writeEnabled: false } });
      return open(digest);
    });
    await expect(bring()).rejects.toThrow('tag "v1" is not valid: it is locked');
    expect(store.usage()).toMatchObject({ manifestCount: before.manifestCount, tagCount: before.tagCount });
  });

  it("goes no further than the quota, which it leaves as it was", async () => {
    await using small = await testRegistry({ quotaBytes: 1500 });
    layout.entries = [withRefName(await layout.image("x".repeat(2000)), "v1")];
    await layout.write();
    const into = { repository: "app" };
    await expect(importLayout(small.registry.context, layout.folder, into)).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
    });
    expect(small.registry.context.store.usage().sizeInBytes).toBe(0);
  });

  describe("written from a repository", () => {
    it("comes back the same", async () => {
      const [one, two] = [await layout.image("one"), await layout.image("two")];
      const index = await layout.index(one, two);
      const signature = await layout.image("signature", { subject: index });
      const loose = await layout.image("loose");
      layout.entries = [
        withRefName(index, "v1"),
        withRefName(index, "latest"),
        withRefName(one, "amd64"),
        signature,
        loose,
      ];
      await layout.write();
      await bring();
      expect(await take("out")).toMatchObject({ manifestCount: 5, blobCount: 5 });

      const files = async (at: string) => (await readdir(join(folder, at, "blobs/sha256"))).sort();
      expect(await files("out")).toEqual(await files("in"));
      for (const name of await files("out")) {
        expect(digestOf(await readFile(join(folder, "out/blobs/sha256", name)))).toBe(`sha256:${name}`);
      }
      const entries = parseLayoutIndex(await readFile(join(folder, "out/index.json")));
      const named = (entry: Descriptor) => `${refNameOf(entry) ?? "-"} ${entry.digest}`;
      expect(entries.map(named).sort()).toEqual(layout.entries.map(named).sort());
      expect((await readdir(folder)).sort()).toEqual(["in", "out"]);
      await using second = await testRegistry();
      await importLayout(second.registry.context, join(folder, "out"), { repository: "app" });
      expect(second.registry.context.store.usage()).toEqual(test.registry.context.store.usage());
    });

    it("takes the sizes of its blobs from the registry, whatever its manifests say", async () => {
      const { digest } = await layout.blob(MediaType.ociConfig, "{}");
      await test.pushBlob("app", "{}");
      const layers = [{ mediaType: MediaType.ociLayer, digest, size: 77 }];
      const body = JSON.stringify({ schemaVersion: 2, config: { mediaType: MediaType.ociConfig, digest }, layers });
      const headers = { "content-type": MediaType.ociManifest };
      expect((await test.send("PUT", "/v2/app/manifests/v1", { scope: SCOPE, headers, body })).status).toBe(201);
      expect(await take("out")).toMatchObject({ blobCount: 1, sizeInBytes: body.length + 2 });
      expect(await readFile(join(folder, "out", layoutBlobPath(digest)), "utf8")).toBe("{}");
    });

    it("holds what was asked for, and what is attached to it", async () => {
      const [one, two] = [await layout.image("one"), await layout.image("two")];
      const index = await layout.index(one);
      const signature = await layout.image("signature", { subject: one });
      layout.entries = [withRefName(index, "v1"), withRefName(two, "v2"), signature];
      await layout.write();
      await bring();
      await take("by-tag", ["v1"]);
      const entries = async (at: string) =>
        parseLayoutIndex(await readFile(join(folder, at, "index.json"))).map(({ digest }) => digest);
      expect(await entries("by-tag")).toEqual([index.digest, signature.digest]);
      await take("by-digest", [one.digest]);
      expect(await entries("by-digest")).toEqual([one.digest, signature.digest]);
      await expect(take("x", ["v3"])).rejects.toThrow('reference "v3" is not valid: app has no such tag');
      await expect(take("x", [digestOf(Buffer.from("none"))])).rejects.toThrow("no such manifest");
    });

    it("never overwrites, and leaves nothing behind when it fails", async () => {
      await test.pushImage("app", "v1");
      await mkdir(join(folder, "empty"));
      await take("empty");
      await expect(take("empty")).rejects.toThrow("it is there already, and not empty");
      await writeFile(join(folder, "file"), "");
      await expect(take("file")).rejects.toThrow("cannot be written to");
      // Someone has been at the data folder.
      const digest = digestOf(Buffer.from("layer"));
      await writeFile(join(test.folder, "blobs/sha256", digest.slice(7, 9), digest.slice(7)), "LAYER");
      await expect(take("damaged")).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      expect((await readdir(folder)).sort()).toEqual(["empty", "file", "in"]);
      expect(existsSync(join(folder, "damaged"))).toBe(false);
    });

    it("needs the repository, and all members of its lists", async () => {
      await expect(take("x")).rejects.toThrow('repository "app" is not valid');
      layout.entries = [withRefName(await layout.index(await layout.image("one")), "v1")];
      await layout.write();
      await bring();
      const [member] = test.registry.context.store.manifests
        .list("app", { limit: 9 })
        .filter(({ mediaType }) => mediaType === MediaType.ociManifest);
      test.registry.context.store.manifests.delete("app", member?.digest as Digest);
      await expect(take("x")).rejects.toThrow("app has no such manifest");
      await cp(layout.folder, join(folder, "copy"), { recursive: true });
    });
  });
});
