import { MediaType } from "@acrkit/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";

const scope =
  "repository:app:metadata_read,metadata_write,delete,pull,push,deleted_read,deleted_restore registry:catalog:* registry:deleted_catalog:*";
const DAY = 24 * 60 * 60 * 1000;

describe("soft delete (3.10, unseen)", () => {
  let registry: TestRegistry;
  beforeEach(async () => {
    registry = await testRegistry({ softDelete: { retentionDays: 3 } });
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const call = async (method: string, path: string, body = "") => {
    const answer = await registry.send(method, path, { scope, body, headers: { accept: MediaType.ociManifest } });
    expect(answer.failure).toBeUndefined();
    return answer;
  };
  const list = async (path: string) => (await call("GET", `/acr/v1/_deleted/${path}`)).json;
  const restore = (digest: string, body?: unknown, query = "") =>
    call("POST", `/acr/v1/_deleted/app/_manifests/${digest}${query}`, body === undefined ? "" : JSON.stringify(body));
  const statusOf = async (reference: string) => (await call("GET", `/v2/app/manifests/${reference}`)).status;

  it("keeps a deleted manifest and its tags, shaped as azure-cli's tests have them", async () => {
    const digest = await registry.pushImage("app", "v1");
    expect((await call("DELETE", `/v2/app/manifests/${digest}`)).status).toBe(202);
    expect(await statusOf("v1")).toBe(404);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect((await list("app/_manifests")).manifests).toEqual([{ createdAt: time, deletedAt: time, digest }]);
    expect((await list("app/_tags")).tags).toEqual([{ createdAt: time, deletedAt: time, digest, tag: "v1" }]);
    // The repository itself is still there.
    expect(await list("_catalog")).toEqual({ repositories: [] });
  });

  it("restores a manifest, with its tag when one is named, and byte for byte", async () => {
    const digest = await registry.pushImage("app", "v1");
    const before = (await call("GET", "/v2/app/manifests/v1")).text;
    await call("DELETE", `/v2/app/manifests/${digest}`);
    const answer = await restore(digest, { tag: "v1" }, "?force=False");
    expect([answer.status, answer.json]).toEqual([200, { digest, tag: "v1" }]);
    expect((await call("GET", "/v2/app/manifests/v1")).text).toBe(before);
    expect((await list("app/_manifests")).manifests).toEqual([]);
    expect((await list("app/_tags")).tags).toEqual([]);
    await call("DELETE", `/v2/app/manifests/${digest}`);
    expect((await restore(digest)).json).toEqual({ digest });
    expect([await statusOf(digest), await statusOf("v1")]).toEqual([200, 404]);
  });

  it("keeps a tag that was taken off, every time, and restores it", async () => {
    const digest = await registry.pushImage("app", "v1");
    for (let time = 0; time < 2; time++) {
      await call("DELETE", "/acr/v1/app/_tags/v1");
      expect((await list("app/_tags")).tags).toHaveLength(1);
      expect((await restore(digest, { tag: "v1" })).status).toBe(200);
    }
    expect(await statusOf("v1")).toBe(200);
    expect((await list("app/_tags")).tags).toEqual([]);
  });

  it("overwrites a tag in use only by force, and keeps what it stood on", async () => {
    const old = await registry.pushImage("app", "v1", { layer: "old" });
    await call("DELETE", `/v2/app/manifests/${old}`);
    const young = await registry.pushImage("app", "v1", { layer: "young" });
    const refused = await restore(old, { tag: "v1" });
    expect([refused.status, refused.json.errors[0].code]).toEqual([409, "REGISTRY_DISALLOWED_OPERATION"]);
    expect((await list("app/_manifests")).manifests).toHaveLength(1);
    expect((await restore(old, { tag: "v1" }, "?force=True")).status).toBe(200);
    expect((await call("GET", "/v2/app/manifests/v1")).header("docker-content-digest")).toBe(old);
    expect((await list("app/_tags")).tags).toMatchObject([{ tag: "v1", digest: young }]);
  });

  it("keeps a deleted repository, whose blobs go on, and brings it back with a push or a restore", async () => {
    const digest = await registry.pushImage("app", "v1");
    const layer = JSON.parse((await call("GET", "/v2/app/manifests/v1")).text).layers[0].digest;
    for (const back of [
      () => restore(digest, { tag: "v1" }),
      () => registry.pushImage("app", "v2", { layer: "other" }),
    ]) {
      expect((await call("DELETE", "/acr/v1/app")).json).toMatchObject({ tagsDeleted: ["v1"] });
      expect((await list("_catalog")).repositories).toMatchObject([{ repository: "app" }]);
      expect((await call("GET", "/acr/v1/app")).status).toBe(404);
      await back();
      expect(await list("_catalog")).toEqual({ repositories: [] });
      expect((await call("GET", "/acr/v1/app")).status).toBe(200);
      expect((await call("GET", `/v2/app/blobs/${layer}`)).status).toBe(307);
    }
  });

  it("keeps the blobs of what is in the bin: they are not deleted, nor collected, until it is purged", async () => {
    const digest = await registry.pushImage("app", "v1");
    const layer = JSON.parse((await call("GET", "/v2/app/manifests/v1")).text).layers[0].digest;
    await call("DELETE", "/acr/v1/app");
    expect((await call("DELETE", `/v2/app/blobs/${layer}`)).status).toBe(405);
    expect((await restore(digest, { tag: "v1" })).status).toBe(200);
    expect((await call("HEAD", `/v2/app/blobs/${layer}`)).status).toBe(200);
    // No longer in the bin, and not locked: it may go.
    expect((await call("DELETE", `/v2/app/blobs/${layer}`)).status).toBe(202);
  });

  it("refuses to push a digest that is in the bin", async () => {
    const digest = await registry.pushImage("app", "v1");
    await call("DELETE", `/v2/app/manifests/${digest}`);
    await expect(registry.pushImage("app", "v1")).rejects.toThrow(/409/);
    registry.registry.context.clock.advance(3 * DAY + 1000);
    expect(await registry.pushImage("app", "v1")).toBe(digest);
  });

  it("forgets after the retention: lists, restores and repositories", async () => {
    const digest = await registry.pushImage("app", "v1");
    await call("DELETE", "/acr/v1/app");
    registry.registry.context.clock.advance(3 * DAY - 60_000);
    expect((await list("_catalog")).repositories).toHaveLength(1);
    registry.registry.context.clock.advance(120_000);
    expect((await restore(digest)).json.errors[0].code).toBe("MANIFEST_UNKNOWN");
    expect(await list("_catalog")).toEqual({ repositories: [] });
    expect((await call("GET", "/acr/v1/_deleted/app/_tags")).status).toBe(404);
  });

  it("restores what is attached only after its subject", async () => {
    const digest = await registry.pushImage("app", "v1");
    const subject = { mediaType: MediaType.ociManifest, digest, size: 1 };
    const attached = await registry.pushImage("app", "sig", { members: { subject, artifactType: "x/y" } });
    await call("DELETE", `/v2/app/manifests/${digest}`);
    expect((await list("app/_manifests")).manifests).toHaveLength(2);
    expect((await restore(attached)).status).toBe(409);
    expect((await restore(digest)).status).toBe(200);
    expect((await restore(attached)).status).toBe(200);
  });

  it("lists in pages, in which no tag is lost though it was deleted many times", async () => {
    const digest = await registry.pushImage("app", "a");
    for (const tag of ["a", "a", "a", "b", "b"]) {
      await registry.pushImage("app", tag);
      await call("DELETE", `/acr/v1/app/_tags/${tag}`);
    }
    const seen: string[] = [];
    let next: string | undefined = "/acr/v1/_deleted/app/_tags?n=2";
    while (next !== undefined) {
      const answer = await call("GET", next);
      seen.push(...answer.json.tags.map(({ tag }: { tag: string }) => tag));
      next = /^<([^>]+)>/.exec(answer.header("link") ?? "")?.[1];
    }
    expect(seen).toEqual(["a", "a", "a", "b", "b"]);
    expect((await restore(digest, { tag: "a" })).status).toBe(200);
    expect((await list("app/_tags")).tags).toHaveLength(2);
  });

  it.for(["{", "[]", '"v1"', '{"tag":1}', '{"tag":"no tag"}', `{"tag":"${"a".repeat(100_000)}"}`])(
    "refuses to restore with %.20s",
    async (body) => {
      const digest = await registry.pushImage("app", "v1");
      await call("DELETE", `/v2/app/manifests/${digest}`);
      expect((await call("POST", `/acr/v1/_deleted/app/_manifests/${digest}`, body)).status).toBe(400);
      expect((await list("app/_manifests")).manifests).toHaveLength(1);
    },
  );

  it("of nothing is a 404, and so is a list of a repository that never was", async () => {
    expect((await restore(`sha256:${"0".repeat(64)}`)).json.errors[0].code).toBe("MANIFEST_UNKNOWN");
    expect((await call("GET", "/acr/v1/_deleted/app/_manifests")).json.errors[0].code).toBe("NAME_UNKNOWN");
  });

  it("asks for scopes of its own (2.2)", async () => {
    const asked = async (method: string, path: string) =>
      /scope="([^"]*)"/.exec((await registry.send(method, path)).header("www-authenticate") ?? "")?.[1];
    expect(await asked("GET", "/acr/v1/_deleted/_catalog")).toBe("registry:deleted_catalog:*");
    expect(await asked("GET", "/acr/v1/_deleted/app/_tags")).toBe("repository:app:deleted_read");
    expect(await asked("POST", `/acr/v1/_deleted/app/_manifests/sha256:${"0".repeat(64)}`)).toBe(
      "repository:app:deleted_restore",
    );
  });
});

it("without soft delete what is deleted is gone at once", async () => {
  await using registry = await testRegistry();
  const digest = await registry.pushImage("app", "v1");
  await registry.send("DELETE", `/v2/app/manifests/${digest}`, { scope });
  const answer = await registry.send("GET", "/acr/v1/_deleted/app/_manifests", { scope });
  expect(answer.json.manifests).toEqual([]);
});

it.for([0, 91, 1.5, Number.NaN])("a retention of %d days is refused", async (retentionDays) => {
  await expect(testRegistry({ softDelete: { retentionDays } })).rejects.toThrow(/whole number from 1 to 90/);
});
