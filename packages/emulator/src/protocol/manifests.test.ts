import { digestOf, MediaType, parseNextLink } from "@acrkit/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";

const NONE = `sha256:${"0".repeat(64)}`;
const scope = "repository:app:pull,push,delete,metadata_read";

describe("a manifest under /v2", () => {
  let registry: TestRegistry;
  let digest = "";
  beforeEach(async () => {
    registry = await testRegistry();
    digest = await registry.pushImage("app", "v1");
    return () => registry[Symbol.asyncDispose]();
  });

  const get = (reference: string, accept: string | undefined = MediaType.ociManifest, method = "GET") =>
    registry.send(method, `/v2/app/manifests/${reference}`, { scope, headers: accept === undefined ? {} : { accept } });
  const put = (reference: string, body: string, type: string | undefined = MediaType.ociManifest, repository = "app") =>
    registry.send("PUT", `/v2/${repository}/manifests/${reference}`, {
      scope: `repository:${repository}:pull,push`,
      headers: type === undefined ? {} : { "content-type": type },
      body,
    });
  const remove = (reference: string) => registry.send("DELETE", `/v2/app/manifests/${reference}`, { scope });
  const stored = () =>
    Buffer.from(registry.registry.context.store.manifests.content("app", digest as never) ?? []).toString();
  const error = ({ status, json }: { status: number; json: { errors: [unknown] } }) => [status, json.errors[0]];

  describe("GET and HEAD", () => {
    it("give the bytes exactly, with digest and quoted ETag (4.2)", async () => {
      const indented = JSON.stringify(JSON.parse(stored()), null, 3).replaceAll("/", "\\/");
      await put("odd", indented);
      const answer = await get("odd");
      expect(answer.text).toBe(indented);
      expect(answer.header("content-type")).toBe(MediaType.ociManifest);
      expect(answer.header("content-length")).toBe(String(indented.length));
      expect(answer.header("docker-content-digest")).toBe(digestOf(Buffer.from(indented)));
      expect(answer.header("etag")).toBe(`"${digestOf(Buffer.from(indented))}"`);
    });

    it("work by tag and by digest, and by HEAD (4.2, 4.3)", async () => {
      for (const reference of ["v1", digest, digest.replace(":", "%3A")]) {
        for (const method of ["GET", "HEAD"]) {
          const answer = await get(reference, MediaType.ociManifest, method);
          expect([answer.status, answer.header("docker-content-digest")]).toEqual([200, digest]);
        }
      }
    });

    it("word unknown tags, digests and repositories apart (4.2)", async () => {
      expect(error(await get("none"))).toEqual([
        404,
        { code: "MANIFEST_UNKNOWN", message: 'manifest tagged by "none" is not found', detail: { Tag: "none" } },
      ]);
      expect(error(await get(NONE))).toEqual([
        404,
        { code: "MANIFEST_UNKNOWN", message: `manifest ${NONE} is not found` },
      ]);
      const answer = await registry.send("GET", "/v2/none/manifests/v1", { scope: "repository:none:pull" });
      expect(error(answer)).toEqual([
        404,
        { code: "NAME_UNKNOWN", message: "repository name not known to registry", detail: { name: "none" } },
      ]);
    });

    it.for([
      [MediaType.ociManifest, true],
      [`${MediaType.ociIndex}, ${MediaType.ociManifest}`, true],
      [`*/*,${MediaType.dockerManifest},${MediaType.ociManifest};q=0.5`, true],
      [MediaType.dockerManifest, false],
      ["*/*", false],
      ["application/json", false],
      ["", false],
    ] as const)("with Accept '%s' reach an OCI manifest: %s (4.2)", async ([accept, isFound]) => {
      const answer = await get("v1", accept);
      if (isFound) return expect(answer.status).toBe(200);
      expect(error(answer)).toEqual([
        404,
        { code: "MANIFEST_UNKNOWN", message: "OCI manifest found, but accept header does not support OCI manifests" },
      ]);
    });

    it("name an OCI index that is not accepted (4.2)", async () => {
      await put("list", JSON.stringify({ schemaVersion: 2, manifests: [] }), MediaType.ociIndex);
      expect((await get("list")).json.errors[0].message).toBe(
        "OCI index found, but accept header does not support OCI indexes",
      );
      expect((await get("list", MediaType.ociIndex)).status).toBe(200);
    });

    it("give Docker manifests whatever is accepted, lists only by digest (4.2, unseen)", async () => {
      const { config, layers } = JSON.parse(stored());
      const image = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerManifest, config, layers });
      await put("docker", image, MediaType.dockerManifest);
      expect((await get("docker", "*/*")).header("content-type")).toBe(MediaType.dockerManifest);
      const list = JSON.stringify({ schemaVersion: 2, mediaType: MediaType.dockerManifestList, manifests: [] });
      const listed = (await put("list", list, MediaType.dockerManifestList)).header("docker-content-digest") ?? "";
      expect((await get("list", MediaType.dockerManifest)).status).toBe(404);
      expect((await get("list", MediaType.dockerManifestList)).status).toBe(200);
      expect((await get(listed, MediaType.dockerManifest)).status).toBe(200);
    });
  });

  describe("PUT", () => {
    it("answers 201 with the digest and a Location by digest (4.4)", async () => {
      const answer = await put("v2", stored());
      expect([answer.status, answer.header("content-length")]).toEqual([201, "0"]);
      expect(answer.header("docker-content-digest")).toBe(digest);
      expect(answer.header("location")).toBe(`/v2/app/manifests/${digest}`);
      expect(answer.header("oci-subject")).toBeUndefined();
    });

    it("by digest leaves it untagged (4.4)", async () => {
      const body = JSON.stringify({ ...JSON.parse(stored()), annotations: { a: "b" } });
      const untagged = digestOf(Buffer.from(body));
      expect((await put(untagged, body)).status).toBe(201);
      const answer = await registry.send("GET", `/acr/v1/app/_manifests/${untagged}`, { scope });
      expect(answer.json.manifest.tags).toBeUndefined();
    });

    it("by another digest is DIGEST_INVALID (4.4, unseen)", async () => {
      for (const reference of [NONE, `md5:${"0".repeat(32)}`]) {
        const answer = await put(reference, stored());
        expect([answer.status, answer.json.errors[0].code]).toEqual([400, "DIGEST_INVALID"]);
      }
    });

    it("by a sha512 digest is found by it", async () => {
      const body = JSON.stringify({ ...JSON.parse(stored()), annotations: { by: "sha512" } });
      const long = digestOf(Buffer.from(body), "sha512");
      expect((await put(long, body)).header("docker-content-digest")).toBe(long);
      expect((await get(long)).text).toBe(body);
    });

    it.for([
      [
        "another mediaType than the Content-Type",
        (body: object) => JSON.stringify({ ...body, mediaType: MediaType.dockerManifest }),
        MediaType.ociManifest,
      ],
      ["broken JSON", () => '{"schemaVersion":2,', MediaType.ociManifest],
      ["an empty body", () => "", MediaType.ociManifest],
      ["no manifest", () => "[]", MediaType.ociManifest],
      ["a type that is none of a manifest", (body: object) => JSON.stringify(body), "application/json"],
      ["schema 1", () => '{"schemaVersion":1}', MediaType.dockerSchema1Signed],
    ] as const)("with %s is MANIFEST_INVALID, the reason lost (4.4)", async ([, write, type]) => {
      expect(error(await put("bad", write(JSON.parse(stored())), type))).toEqual([
        400,
        { code: "MANIFEST_INVALID", message: "manifest invalid", detail: { Reason: {} } },
      ]);
    });

    it("with a descriptor without a size is taken, as Microsoft's Python sample pushes it", async () => {
      const { config, ...rest } = JSON.parse(stored());
      const { size, ...sizeless } = config;
      const answer = await put("sizeless", JSON.stringify({ ...rest, config: { ...sizeless, sizeInBytes: size } }));
      expect(answer.status).toBe(201);
      const attributes = await registry.send(
        "GET",
        `/acr/v1/app/_manifests/${answer.header("docker-content-digest")}`,
        { scope: "repository:app:metadata_read" },
      );
      expect([attributes.status, attributes.failure]).toEqual([200, undefined]);
    });

    it("names every missing blob, config first (4.4)", async () => {
      const blob = (digit: string) => ({
        mediaType: MediaType.ociLayer,
        digest: `sha256:${digit.repeat(64)}`,
        size: 1,
      });
      const { layers } = JSON.parse(stored());
      const body = { schemaVersion: 2, config: blob("1"), layers: [blob("2"), ...layers, blob("3")] };
      const answer = await put("v2", JSON.stringify(body));
      expect(answer.status).toBe(400);
      expect(answer.json.errors).toEqual(
        ["1", "2", "3"].map((digit) => ({
          code: "MANIFEST_BLOB_UNKNOWN",
          message: "blob unknown to registry",
          detail: blob(digit).digest,
        })),
      );
      expect((await get("v2")).status).toBe(404);
    });

    it("wants the blobs in its own repository", async () => {
      const answer = await put("v1", stored(), MediaType.ociManifest, "other");
      expect(answer.json.errors.map(({ code }: { code: string }) => code)).toEqual([
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_BLOB_UNKNOWN",
      ]);
    });

    it("wants the members of a list, but not layers that are to be fetched elsewhere", async () => {
      const index = JSON.stringify({
        schemaVersion: 2,
        manifests: [{ mediaType: MediaType.ociManifest, digest: NONE, size: 1 }],
      });
      expect((await put("list", index, MediaType.ociIndex)).json.errors[0].detail).toBe(NONE);
      const foreign = { mediaType: "application/x", digest: NONE, size: 1, urls: ["https://elsewhere.test/layer"] };
      const body = JSON.stringify({ ...JSON.parse(stored()), layers: [foreign] });
      expect((await put("v2", body)).status).toBe(201);
    });

    it("refuses more than 4 MiB without reading on (4.4, unseen)", async () => {
      let read = 0;
      async function* endless() {
        for (;;) {
          read += 1024 * 1024;
          yield new Uint8Array(1024 * 1024);
        }
      }
      const answer = await registry.send("PUT", "/v2/app/manifests/v1", {
        scope,
        headers: { "content-type": MediaType.ociManifest },
        body: endless(),
      });
      expect([answer.status, answer.json.errors[0].code]).toEqual([413, "MANIFEST_INVALID"]);
      expect(read).toBeLessThan(8 * 1024 * 1024);
    });

    it("names the subject it is attached to (4.4, unseen)", async () => {
      const subject = { mediaType: MediaType.ociManifest, digest, size: 1 };
      const answer = await put("sbom", JSON.stringify({ ...JSON.parse(stored()), subject }));
      expect(answer.header("oci-subject")).toBe(digest);
    });
  });

  describe("DELETE", () => {
    it("takes the tags with it, and leaves the blobs (4.5)", async () => {
      await put("v2", stored());
      const answer = await remove(digest);
      expect([answer.status, answer.text, answer.header("content-length")]).toEqual([202, "", "0"]);
      expect(answer.header("docker-content-digest")).toBeUndefined();
      expect((await get("v1")).status).toBe(404);
      expect((await registry.send("GET", "/acr/v1/app/_tags", { scope })).json.tags).toEqual([]);
      await expect(registry.pushImage("app", "v1")).resolves.toBe(digest);
    });

    it("by tag is 405, whether or not there is one (4.5)", async () => {
      for (const tag of ["v1", "none"]) {
        expect(error(await remove(tag))).toEqual([
          405,
          { code: "UNSUPPORTED", message: "A manifest can only be deleted by digest." },
        ]);
      }
    });

    it("of what is not there is 404, without a detail (4.5)", async () => {
      const answer = await remove(NONE);
      expect(error(answer)).toEqual([404, { code: "MANIFEST_UNKNOWN", message: `manifest ${NONE} is not found` }]);
    });

    it("of a list leaves its members (4.5)", async () => {
      const member = { mediaType: MediaType.ociManifest, digest, size: 1 };
      const put2 = await put("list", JSON.stringify({ schemaVersion: 2, manifests: [member] }), MediaType.ociIndex);
      await remove(put2.header("docker-content-digest") ?? "");
      expect((await get(digest)).status).toBe(200);
    });

    it("of a subject takes along what is attached, and what is attached to that (4.5, unseen)", async () => {
      const attach = async (to: string, name: string) => {
        const subject = { mediaType: MediaType.ociManifest, digest: to, size: 1 };
        const answer = await put(name, JSON.stringify({ ...JSON.parse(stored()), subject, annotations: { name } }));
        return answer.header("docker-content-digest") ?? "";
      };
      const sbom = await attach(digest, "sbom");
      const signature = await attach(sbom, "signature");
      await remove(digest);
      for (const gone of [digest, sbom, signature]) expect((await get(gone)).status).toBe(404);
    });
  });

  describe("referrers (4.7)", () => {
    const list = (of: string, query = "") => registry.send("GET", `/v2/app/referrers/${of}${query}`, { scope });
    const attach = async (name: string, members: object = {}) => {
      const subject = { mediaType: MediaType.ociManifest, digest, size: 1 };
      const body = JSON.stringify({ ...JSON.parse(stored()), subject, annotations: { name }, ...members });
      await put(name, body);
      return {
        mediaType: MediaType.ociManifest,
        digest: digestOf(Buffer.from(body)),
        size: body.length,
        annotations: { name },
      };
    };

    it("are an index of descriptors", async () => {
      const sbom = await attach("sbom", { artifactType: "application/sbom" });
      const answer = await list(digest);
      expect(answer.header("content-type")).toBe(MediaType.ociIndex);
      expect(answer.json).toEqual({
        schemaVersion: 2,
        mediaType: MediaType.ociIndex,
        manifests: [{ ...sbom, artifactType: "application/sbom" }],
      });
    });

    it("are empty, not missing, where there are none", async () => {
      for (const of of [digest, NONE]) expect((await list(of)).json.manifests).toEqual([]);
      // Nor where there is no repository: a client takes 404 for a registry that has no referrers at all.
      const nowhere = await registry.send("GET", `/v2/none/referrers/${NONE}`, { scope: "repository:none:pull" });
      expect([nowhere.status, nowhere.json.manifests]).toEqual([200, []]);
    });

    it("are filtered by artifactType, and say so", async () => {
      const sbom = await attach("sbom", { artifactType: "application/sbom" });
      await attach("signature", { artifactType: "application/signature" });
      const answer = await list(digest, "?artifactType=application/sbom");
      expect(answer.json.manifests.map((one: { digest: string }) => one.digest)).toEqual([sbom.digest]);
      expect(answer.header("oci-filters-applied")).toBe("artifactType");
      expect((await list(digest)).header("oci-filters-applied")).toBeUndefined();
    });

    it("have their config's type where they name none (OCI 1.1.1), or none, as in acr#784", async () => {
      await attach("sbom");
      const type = MediaType.ociConfig;
      expect((await list(digest)).json.manifests[0].artifactType).toBe(type);
      expect((await list(digest, `?artifactType=${encodeURIComponent(type)}`)).json.manifests).toHaveLength(1);

      await using reported = await testRegistry({ referrersByConfigType: false });
      const subject = { mediaType: MediaType.ociManifest, digest: await reported.pushImage("app", "v1"), size: 1 };
      await reported.pushImage("app", "sbom", { members: { subject } });
      const answer = await reported.send("GET", `/v2/app/referrers/${subject.digest}`, { scope });
      expect("artifactType" in answer.json.manifests[0]).toBe(false);
    });

    it("come in pages with a Link that keeps the filter", async () => {
      const names = ["a", "b", "c"];
      for (const name of names) await attach(name, { artifactType: "t" });
      const found: string[] = [];
      for (let next: string | undefined = `/v2/app/referrers/${digest}?artifactType=t&n=1`; next !== undefined; ) {
        const answer = await registry.send("GET", next, { scope });
        found.push(...answer.json.manifests.map((one: { annotations: { name: string } }) => one.annotations.name));
        next = parseNextLink(answer.header("link") ?? "");
      }
      expect(found.sort()).toEqual(names);
    });
  });
});
