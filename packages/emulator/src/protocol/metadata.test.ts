import { MediaType } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const NONE = `sha256:${"0".repeat(64)}`;
const OPEN = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
const SHUT = { deleteEnabled: false, writeEnabled: false, readEnabled: false, listEnabled: false };

describe("the metadata API", () => {
  let registry: TestRegistry;
  let digest = "";
  beforeEach(async () => {
    registry = await testRegistry();
    digest = await registry.pushImage("team/app", "v1");
    return () => registry[Symbol.asyncDispose]();
  });

  const scope = "repository:team/app:metadata_read,metadata_write,delete,pull,push";
  const get = (path: string) => registry.send("GET", path, { scope });
  const patch = (path: string, body: unknown) => registry.send("PATCH", path, { scope, body: JSON.stringify(body) });
  const remove = (path: string) => registry.send("DELETE", path, { scope });
  const error = ({ status, json }: { status: number; json: { errors: [unknown] } }) => [status, json.errors[0]];

  describe("of a repository", () => {
    it("shows it (3.2)", async () => {
      const { json } = await get("/acr/v1/team/app");
      expect(json).toEqual({
        registry: HOST,
        imageName: "team/app",
        createdTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{0,6}[1-9])?Z$/),
        lastUpdateTime: expect.any(String),
        manifestCount: 1,
        tagCount: 1,
        changeableAttributes: OPEN,
      });
      expect(Object.keys(json.changeableAttributes)).toEqual(Object.keys(OPEN));
    });

    it("trims zeros from a time's fraction (3.2)", async () => {
      const { store } = registry.registry.context;
      const put = (lastUpdateTime: string) =>
        store.repositories.put({
          name: "team/app",
          createdTime: "2023-01-01T00:00:00.0Z",
          lastUpdateTime,
          attributes: OPEN,
        });
      put("2023-02-28T18:36:35.193672Z");
      expect((await get("/acr/v1/team/app")).json).toMatchObject({
        createdTime: "2023-01-01T00:00:00Z",
        lastUpdateTime: "2023-02-28T18:36:35.193672Z",
      });
      put("2023-02-28T18:36:40Z");
      expect((await get("/acr/v1/team/app")).json.lastUpdateTime).toBe("2023-02-28T18:36:40Z");
    });

    it("changes any subset of the attributes, and no time (3.3)", async () => {
      const before = (await get("/acr/v1/team/app")).json;
      const { json } = await patch("/acr/v1/team/app", { writeEnabled: false });
      expect(json).toEqual({ ...before, changeableAttributes: { ...OPEN, writeEnabled: false } });
      expect((await patch("/acr/v1/team/app", {})).json).toEqual(json);
    });

    it("opens one that is fully locked (3.3)", async () => {
      expect((await patch("/acr/v1/team/app", SHUT)).json.changeableAttributes).toEqual(SHUT);
      expect((await get("/acr/v1/team/app")).json.changeableAttributes).toEqual(SHUT);
      expect((await patch("/acr/v1/team/app", OPEN)).json.changeableAttributes).toEqual(OPEN);
    });

    it("deletes it with everything in it (3.4)", async () => {
      const other = await registry.pushImage("team/app", "v2", { layer: "other" });
      const answer = await remove("/acr/v1/team/app");
      expect([answer.status, answer.json]).toEqual([
        202,
        { manifestsDeleted: [digest, other].sort(), tagsDeleted: ["v1", "v2"] },
      ]);
      expect((await get("/acr/v1/team/app")).status).toBe(404);
      expect(
        (await registry.send("GET", "/acr/v1/_catalog", { scope: "registry:catalog:*" })).json.repositories,
      ).toEqual([]);
    });

    it("words a missing one in two ways (3.2, 3.4)", async () => {
      const absent = "repository:none:metadata_read,metadata_write,delete";
      const send = async (method: string, path: string) =>
        error(await registry.send(method, path, { scope: absent, body: "{}" }));
      const shown = [404, { code: "NAME_UNKNOWN", message: 'repository "none" is not found' }];
      expect(await send("GET", "/acr/v1/none")).toEqual(shown);
      expect(await send("PATCH", "/acr/v1/none")).toEqual(shown);
      expect(await send("GET", "/acr/v1/none/_tags")).toEqual(shown);
      expect(await send("GET", "/acr/v1/none/_manifests")).toEqual(shown);
      expect(await send("DELETE", "/acr/v1/none")).toEqual([
        404,
        { code: "NAME_UNKNOWN", message: "repository name not known to registry", detail: { name: "none" } },
      ]);
    });

    it("moves lastUpdateTime with pushes and deletes, never createdTime", async () => {
      const times = async () => (await get("/acr/v1/team/app")).json;
      const first = await times();
      await registry.pushImage("team/app", "v2", { layer: "other" });
      const second = await times();
      await remove("/acr/v1/team/app/_tags/v2");
      const third = await times();
      expect([second.createdTime, third.createdTime]).toEqual([first.createdTime, first.createdTime]);
      expect(Date.parse(second.lastUpdateTime)).toBeGreaterThanOrEqual(Date.parse(first.lastUpdateTime));
      expect(new Set([first, second, third].map(({ lastUpdateTime }) => lastUpdateTime)).size).toBe(3);
    });

    it("takes texts for booleans, as azure-cli sends them", async () => {
      expect((await patch("/acr/v1/team/app", { writeEnabled: "false" })).json.changeableAttributes.writeEnabled).toBe(
        false,
      );
      expect((await patch("/acr/v1/team/app", { writeEnabled: "True" })).json.changeableAttributes).toEqual(OPEN);
    });

    it.for([
      ["no JSON", "nonsense"],
      ["no object", "[]"],
      ["null", "null"],
      ["no booleans", '{"writeEnabled":"no"}'],
      ["nothing", ""],
      ["too much", `{"a":"${"a".repeat(100_000)}"}`],
    ])("refuses a PATCH with %s (unseen)", async ([, body = ""]) => {
      const answer = await registry.send("PATCH", "/acr/v1/team/app", { scope, body });
      expect([answer.status, answer.failure]).toEqual([400, undefined]);
    });
  });

  describe("of a tag", () => {
    it("shows it (3.6)", async () => {
      expect((await get("/acr/v1/team/app/_tags/v1")).json).toEqual({
        registry: HOST,
        imageName: "team/app",
        tag: {
          name: "v1",
          digest,
          createdTime: expect.any(String),
          lastUpdateTime: expect.any(String),
          signed: false,
          changeableAttributes: OPEN,
        },
      });
    });

    it("changes its attributes, and no time (3.6)", async () => {
      const before = (await get("/acr/v1/team/app/_tags/v1")).json;
      const { json } = await patch("/acr/v1/team/app/_tags/v1", { deleteEnabled: false });
      expect(json.tag).toEqual({ ...before.tag, changeableAttributes: { ...OPEN, deleteEnabled: false } });
    });

    it("deletes it, tells its digest, and leaves the manifest (3.7)", async () => {
      const answer = await remove("/acr/v1/team/app/_tags/v1");
      expect([answer.status, answer.text, answer.header("content-length")]).toEqual([202, "", "0"]);
      expect(answer.header("x-ms-int-docker-content-digest")).toBe(digest);
      const { manifest } = (await get(`/acr/v1/team/app/_manifests/${digest}`)).json;
      expect(manifest.digest).toBe(digest);
      expect("tags" in manifest).toBe(false);
    });

    it("is TAG_UNKNOWN when missing, and when its repository is (3.6, 3.7)", async () => {
      const unknown = [404, { code: "TAG_UNKNOWN", message: "the specified tag does not exist" }];
      expect(error(await get("/acr/v1/team/app/_tags/none"))).toEqual(unknown);
      expect(error(await patch("/acr/v1/team/app/_tags/none", {}))).toEqual(unknown);
      expect(error(await remove("/acr/v1/team/app/_tags/none"))).toEqual(unknown);
      const answer = await registry.send("DELETE", "/acr/v1/none/_tags/none", { scope: "repository:none:delete" });
      expect(error(answer)).toEqual(unknown);
    });

    it("is moved by a push, with a new lastUpdateTime", async () => {
      const before = (await get("/acr/v1/team/app/_tags/v1")).json.tag;
      const other = await registry.pushImage("team/app", "v1", { layer: "other" });
      const after = (await get("/acr/v1/team/app/_tags/v1")).json.tag;
      expect(after).toMatchObject({ digest: other, createdTime: before.createdTime });
      expect(after.lastUpdateTime).not.toBe(before.lastUpdateTime);
    });
  });

  describe("of a manifest", () => {
    it("shows an image: sizes of its layers, platform of its config (3.8)", async () => {
      const shown = {
        digest,
        imageSize: "layer".length,
        createdTime: expect.any(String),
        lastUpdateTime: expect.any(String),
        architecture: "amd64",
        os: "linux",
        mediaType: MediaType.ociManifest,
        configMediaType: MediaType.ociConfig,
        tags: ["v1"],
        changeableAttributes: OPEN,
      };
      expect((await get("/acr/v1/team/app/_manifests")).json).toEqual({
        registry: HOST,
        imageName: "team/app",
        manifests: [shown],
      });
      expect((await get(`/acr/v1/team/app/_manifests/${digest}`)).json.manifest).toEqual(shown);
    });

    it("shows a list: sizes of its members together, references only alone (3.8)", async () => {
      const other = await registry.pushImage("team/app", "v2", { layer: "another" });
      const member = (one: string, architecture: string) => ({
        mediaType: MediaType.ociManifest,
        digest: one,
        size: 1,
        platform: { architecture, os: "linux" },
      });
      const body = JSON.stringify({ schemaVersion: 2, manifests: [member(digest, "amd64"), member(other, "arm64")] });
      const headers = { "content-type": MediaType.ociIndex };
      const put = await registry.send("PUT", "/v2/team/app/manifests/list", { scope, headers, body });
      const index = put.header("docker-content-digest");
      const { manifest } = (await get(`/acr/v1/team/app/_manifests/${index}`)).json;
      expect(manifest).toEqual({
        digest: index,
        imageSize: "layer".length + "another".length,
        createdTime: expect.any(String),
        lastUpdateTime: expect.any(String),
        mediaType: MediaType.ociIndex,
        tags: ["list"],
        changeableAttributes: OPEN,
        references: [
          { digest, architecture: "amd64", os: "linux" },
          { digest: other, architecture: "arm64", os: "linux" },
        ],
      });
      const listed = (await get("/acr/v1/team/app/_manifests")).json.manifests as Record<string, unknown>[];
      expect(listed.every((one) => !("references" in one))).toBe(true);
    });

    it("changes its attributes, keeping what it is (3.9)", async () => {
      const before = (await get(`/acr/v1/team/app/_manifests/${digest}`)).json.manifest;
      const { json } = await patch(`/acr/v1/team/app/_manifests/${digest}`, { listEnabled: false });
      expect(json.manifest).toEqual({ ...before, changeableAttributes: { ...OPEN, listEnabled: false } });
      const pulled = await registry.send("GET", "/v2/team/app/manifests/v1", {
        scope,
        headers: { accept: MediaType.ociManifest },
      });
      expect(pulled.status).toBe(200);
    });

    it("is MANIFEST_UNKNOWN in few words when missing (3.9)", async () => {
      const unknown = [404, { code: "MANIFEST_UNKNOWN", message: "manifest unknown" }];
      expect(error(await get(`/acr/v1/team/app/_manifests/${NONE}`))).toEqual(unknown);
      expect(error(await patch(`/acr/v1/team/app/_manifests/${NONE}`, {}))).toEqual(unknown);
    });

    it("keeps its times when it is pushed again", async () => {
      const before = (await get(`/acr/v1/team/app/_manifests/${digest}`)).json.manifest;
      await registry.pushImage("team/app", "again");
      expect((await get(`/acr/v1/team/app/_manifests/${digest}`)).json.manifest).toEqual({
        ...before,
        tags: ["again", "v1"],
      });
    });
  });
});
