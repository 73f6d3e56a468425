import { MediaType } from "@acrkit/oci";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";

describe("locks (chapter 6)", () => {
  let registry: TestRegistry;
  let digest = "";
  beforeAll(async () => {
    registry = await testRegistry();
  });
  afterAll(() => registry[Symbol.asyncDispose]());
  beforeEach(async () => {
    registry.registry.context.store.repositories.delete("app");
    digest = await registry.pushImage("app", "v1");
  });

  const scope = "repository:app:metadata_read,metadata_write,delete,pull,push registry:catalog:*";
  const levels = {
    repository: () => "/acr/v1/app",
    tag: () => "/acr/v1/app/_tags/v1",
    manifest: () => `/acr/v1/app/_manifests/${digest}`,
  };
  type Level = keyof typeof levels;
  const lock = async (level: Level, attribute: string) => {
    const answer = await registry.send("PATCH", levels[level](), {
      scope,
      body: JSON.stringify({ [attribute]: false }),
    });
    expect(answer.status).toBe(200);
  };

  const accept = { headers: { accept: MediaType.ociManifest } };
  const acts = {
    pullByTag: () => registry.send("GET", "/v2/app/manifests/v1", { scope, ...accept }),
    pullByDigest: () => registry.send("GET", `/v2/app/manifests/${digest}`, { scope, ...accept }),
    pullBlob: async () => registry.send("GET", `/v2/app/blobs/${await layer()}`, { scope }),
    pushTag: () => push("v1"),
    pushOtherTag: () => push("v2"),
    pushByDigest: () => push(digest),
    pushBlob: () => registry.send("POST", "/v2/app/blobs/uploads/", { scope }),
    deleteTag: () => registry.send("DELETE", "/acr/v1/app/_tags/v1", { scope }),
    deleteManifest: () => registry.send("DELETE", `/v2/app/manifests/${digest}`, { scope }),
    deleteBlob: async () => registry.send("DELETE", `/v2/app/blobs/${await layer()}`, { scope }),
    deleteRepository: () => registry.send("DELETE", "/acr/v1/app", { scope }),
  };
  type Act = keyof typeof acts;
  const ALL = Object.keys(acts) as Act[];
  const layer = async () => {
    const content = registry.registry.context.store.manifests.content("app", digest as never);
    return JSON.parse(Buffer.from(content ?? []).toString()).layers[0].digest as string;
  };
  const push = (reference: string) =>
    registry.send("PUT", `/v2/app/manifests/${reference}`, {
      scope,
      headers: { "content-type": MediaType.ociManifest },
      body: registry.registry.context.store.manifests.content("app", digest as never) ?? "",
    });

  const PULLS: Act[] = ["pullByTag", "pullByDigest", "pullBlob"];
  const PUSHES: Act[] = ["pushTag", "pushOtherTag", "pushByDigest", "pushBlob"];
  const DELETES: Act[] = ["deleteTag", "deleteManifest", "deleteBlob", "deleteRepository"];
  const CASES: readonly (readonly [Level, string, readonly Act[]])[] = [
    ["repository", "deleteEnabled", DELETES],
    ["repository", "writeEnabled", [...PUSHES, ...DELETES]],
    ["repository", "readEnabled", PULLS],
    ["tag", "deleteEnabled", ["deleteTag", "deleteManifest", "deleteBlob", "deleteRepository"]],
    ["tag", "writeEnabled", ["pushTag", "deleteTag", "deleteManifest", "deleteBlob", "deleteRepository"]],
    ["tag", "readEnabled", ["pullByTag"]],
    ["manifest", "deleteEnabled", ["deleteManifest", "deleteBlob", "deleteRepository"]],
    ["manifest", "writeEnabled", ["pushByDigest", "deleteManifest", "deleteBlob", "deleteRepository"]],
    ["manifest", "readEnabled", ["pullByTag", "pullByDigest"]],
    ["repository", "listEnabled", []],
    ["tag", "listEnabled", []],
    ["manifest", "listEnabled", []],
  ];

  it.for(CASES.flatMap(([level, attribute, refused]) => ALL.map((act) => [level, attribute, act, refused] as const)))(
    "on a %s with %s false: %s",
    async ([level, attribute, act, refused]) => {
      await lock(level, attribute);
      const answer = await acts[act]();
      expect(answer.failure).toBeUndefined();
      if (!refused.includes(act)) {
        expect(answer.status).toBeLessThan(400);
        return;
      }
      expect(answer.status).toBe(405);
      expect(answer.json.errors).toEqual([
        {
          code: "REGISTRY_DISALLOWED_OPERATION",
          message: expect.stringMatching(/^The operation is disallowed/),
          detail: {},
        },
      ]);
      expect(answer.header("content-length")).toBe("263");
    },
  );

  it("are looked for on more tags than a call can have arguments", async () => {
    const { store } = registry.registry.context;
    const tag = store.tags.get("app", "v1");
    if (tag === undefined) throw new Error("there is no tag");
    store.transaction(() => {
      for (let index = 0; index < 130_000; index++) store.tags.put("app", { ...tag, name: `t${index}` });
    });
    const last = { ...tag, name: "t129999", attributes: { ...tag.attributes, deleteEnabled: false } };
    store.tags.put("app", last);
    expect((await acts.deleteManifest()).status).toBe(405);
    store.tags.put("app", { ...last, attributes: tag.attributes });
    expect((await acts.deleteManifest()).status).toBe(202);
    expect(store.usage().tagCount).toBe(0);
  });

  it("refuse neither reading nor changing the attributes", async () => {
    for (const level of Object.keys(levels) as Level[]) {
      const all = JSON.stringify({ deleteEnabled: false, writeEnabled: false, readEnabled: false, listEnabled: false });
      expect((await registry.send("PATCH", levels[level](), { scope, body: all })).status).toBe(200);
      expect((await registry.send("GET", levels[level](), { scope })).status).toBe(200);
    }
    for (const level of Object.keys(levels) as Level[]) {
      expect((await registry.send("PATCH", levels[level](), { scope, body: '{"readEnabled":true}' })).status).toBe(200);
    }
  });

  it("with listEnabled false hide from lists, and nothing else", async () => {
    const listed = async (path: string) => (await registry.send("GET", path, { scope })).text;
    await lock("tag", "listEnabled");
    expect(await listed("/acr/v1/app/_tags")).toContain('"tags":[]');
    expect(await listed("/v2/app/tags/list")).toContain('"tags":[]');
    await lock("manifest", "listEnabled");
    expect(await listed("/acr/v1/app/_manifests")).toContain('"manifests":[]');
    expect(await listed("/acr/v1/_catalog")).toContain('"app"');
    await lock("repository", "listEnabled");
    expect(await listed("/acr/v1/_catalog")).not.toContain('"app"');
    expect(await listed("/acr/v1/app")).toContain('"tagCount":1');
  });
});
