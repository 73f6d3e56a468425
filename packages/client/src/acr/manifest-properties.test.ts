import { InvalidInputError } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { ResourceNotFoundError, UnexpectedResponseError } from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const OPEN = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
const UNLOCKED = { canDelete: true, canWrite: true, canRead: true, canList: true };
const ENVELOPE = { registry: "registry.example.azurecr.io", imageName: "library/hello-world" };
const NAMES = { registryLoginServer: "registry.example.azurecr.io", repositoryName: "library/hello-world" };

// Recorded: manifest-properties-single-platform.
const IMAGE = {
  digest: "sha256:f54a58bc1aac5ea1a25d796ae155dc228b3f0e11d046ae276b39c4bf2f13d8c4",
  imageSize: 2479,
  createdTime: "2022-12-13T09:17:12.6157503Z",
  lastUpdateTime: "2022-12-13T09:17:12.6157503Z",
  architecture: "amd64",
  os: "linux",
  mediaType: "application/vnd.docker.distribution.manifest.v2+json",
  configMediaType: "application/vnd.docker.container.image.v1+json",
  tags: ["latest"],
  changeableAttributes: { ...OPEN, writeEnabled: false },
};
const EXPECTED_IMAGE = {
  ...NAMES,
  digest: IMAGE.digest,
  sizeInBytes: 2479,
  createdOn: new Date("2022-12-13T09:17:12.615Z"),
  lastUpdatedOn: new Date("2022-12-13T09:17:12.615Z"),
  architecture: "amd64",
  operatingSystem: "linux",
  mediaType: IMAGE.mediaType,
  configMediaType: IMAGE.configMediaType,
  tags: ["latest"],
  relatedArtifacts: [],
  ...UNLOCKED,
  canWrite: false,
};

// Recorded: manifest-properties-list-references, two of its eleven references.
const LIST = {
  digest: "sha256:6e8b6f026e0b9c419ea0fd02d3905dd0952ad1feea67543f525c73a0a790fefb",
  imageSize: 228854998,
  createdTime: "2023-02-28T18:36:41.0969186Z",
  lastUpdateTime: "2023-02-28T18:36:41.0969186Z",
  mediaType: "application/vnd.docker.distribution.manifest.list.v2+json",
  tags: ["latest", "test-delete", "test1", "v1", "v2", "v3", "v4"],
  changeableAttributes: OPEN,
  references: [
    {
      digest: "sha256:f54a58bc1aac5ea1a25d796ae155dc228b3f0e11d046ae276b39c4bf2f13d8c4",
      architecture: "amd64",
      os: "linux",
    },
    {
      digest: "sha256:f01c39d7dc9bff6475b855fe3a94a5233955696b3b8090222807010230a553c6",
      architecture: "amd64",
      os: "windows",
    },
  ],
};

// Recorded: manifests-list-paged-quarantine; `quarantineDetails` is JSON inside a text.
const QUARANTINE_DETAILS =
  '{"state":"Scan Failed","link":"https://aka.ms/test","scanner":"Azure Security Monitoring-Qualys Scanner","result":{"version":"3/2/2023 9:04:21 AM","summary":[{"severity":"High","count":0}]}}';
const QUARANTINED = {
  digest: "sha256:432f982638b3aefab73cc58ab28f5c16e96fdb504e8c134fc58dff4bae8bf338",
  imageSize: 5218,
  createdTime: "2023-02-28T18:36:40.4683044Z",
  lastUpdateTime: "2023-02-28T18:36:40.4683044Z",
  architecture: "arm64",
  os: "linux",
  mediaType: "application/vnd.docker.distribution.manifest.v2+json",
  changeableAttributes: { ...OPEN, quarantineDetails: QUARANTINE_DETAILS, quarantineState: "Passed" },
};

const single = (manifest: unknown): ScriptedAnswer => ({ status: 200, body: { ...ENVELOPE, manifest } });
const get = (answer: ScriptedAnswer) =>
  clientOf(openRegistry(inOrder(answer))).getManifestProperties("library/hello-world", IMAGE.digest);

describe("the members of a manifest", () => {
  test("of an image", async () => {
    expect(await get(single(IMAGE))).toEqual(EXPECTED_IMAGE);
  });

  test("of a list: what it refers to, and no platform of its own", async () => {
    const found = await get(single(LIST));
    expect(found).toEqual({
      ...NAMES,
      digest: LIST.digest,
      sizeInBytes: 228854998,
      createdOn: new Date("2023-02-28T18:36:41.096Z"),
      lastUpdatedOn: new Date("2023-02-28T18:36:41.096Z"),
      mediaType: LIST.mediaType,
      tags: LIST.tags,
      relatedArtifacts: [
        { digest: LIST.references[0]?.digest, architecture: "amd64", operatingSystem: "linux" },
        { digest: LIST.references[1]?.digest, architecture: "amd64", operatingSystem: "windows" },
      ],
      ...UNLOCKED,
    });
    expect(found).not.toHaveProperty("architecture");
    expect(found).not.toHaveProperty("operatingSystem");
  });

  test("of one in quarantine", async () => {
    expect(await get(single(QUARANTINED))).toMatchObject({
      quarantineState: "Passed",
      quarantineDetails: QUARANTINE_DETAILS,
      tags: [],
    });
  });

  test("of an artifact", async () => {
    const artifact = {
      ...QUARANTINED,
      architecture: "",
      os: null,
      artifactType: "application/vnd.example.sbom",
      changeableAttributes: OPEN,
    };
    const found = await get(single(artifact));
    expect(found.artifactType).toBe("application/vnd.example.sbom");
    for (const name of ["architecture", "operatingSystem", "configMediaType", "quarantineState", "quarantineDetails"]) {
      expect(found).not.toHaveProperty(name);
    }
  });

  test("are the same in a list", async () => {
    const registry = openRegistry(inOrder({ status: 200, body: { ...ENVELOPE, manifests: [IMAGE, QUARANTINED] } }));
    const found = [];
    for await (const manifest of clientOf(registry).listManifestProperties("library/hello-world")) found.push(manifest);
    expect(found[0]).toEqual(EXPECTED_IMAGE);
    expect(found[1]).toMatchObject({ digest: QUARANTINED.digest, quarantineState: "Passed" });
  });

  test.each(["digest", "imageSize", "createdTime", "lastUpdateTime"])("need %s among them", async (name) => {
    for (const value of [undefined, null, {}]) {
      expect((await failureOf(get(single({ ...IMAGE, [name]: value })), UnexpectedResponseError)).message).toContain(
        name,
      );
    }
  });

  test.each([
    [{ imageSize: "2479" }],
    [{ imageSize: -1 }],
    [{ createdTime: "once" }],
    [{ tags: "latest" }],
    [{ tags: [1] }],
    [{ references: {} }],
    [{ references: [null] }],
    [{ references: [{ architecture: "amd64" }] }],
    [{ changeableAttributes: 5 }],
  ])("cannot be %o", async (changes) => {
    await failureOf(get(single({ ...IMAGE, ...changes })), UnexpectedResponseError);
  });

  test.each([undefined, null, [], "text"])("cannot be read out of %o", async (manifest) => {
    await failureOf(get(single(manifest)), UnexpectedResponseError);
  });
});

describe("by tag", () => {
  const tag = {
    status: 200,
    body: {
      ...ENVELOPE,
      tag: { name: "latest", digest: IMAGE.digest, createdTime: IMAGE.createdTime, lastUpdateTime: IMAGE.createdTime },
    },
  };
  const manifestPath = `/acr/v1/library/hello-world/_manifests/${IMAGE.digest}`;

  test("the digest is looked up first", async () => {
    const registry = openRegistry(inOrder(tag, single(IMAGE)));
    expect(await clientOf(registry).getManifestProperties("library/hello-world", "latest")).toEqual(EXPECTED_IMAGE);
    expect(registry.callLines).toEqual(["GET /acr/v1/library/hello-world/_tags/latest", `GET ${manifestPath}`]);
  });

  test("an update goes to the manifest, not to the tag", async () => {
    const registry = openRegistry(inOrder(tag, single(IMAGE)));
    await clientOf(registry).updateManifestProperties("library/hello-world", "latest", { canWrite: false });
    expect(registry.callLines).toEqual(["GET /acr/v1/library/hello-world/_tags/latest", `PATCH ${manifestPath}`]);
    expect(JSON.parse(Buffer.from(registry.calls[1]?.body ?? []).toString())).toEqual({ writeEnabled: false });
  });

  test("a tag that is not there is not found, in the words of the method that was called", async () => {
    const registry = openRegistry(() => refusal(404, "TAG_UNKNOWN", "the specified tag does not exist"));
    const error = await failureOf(clientOf(registry).getManifestProperties("team/app", "v1"), ResourceNotFoundError);
    expect(error.operation).toBe("getManifestProperties");
  });

  test("a manifest that has gone in between is not found, and named by its tag", async () => {
    const registry = openRegistry(inOrder(tag, refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")));
    const error = await failureOf(
      clientOf(registry).getManifestProperties("library/hello-world", "latest"),
      ResourceNotFoundError,
    );
    expect(error.message).toContain("library/hello-world:latest");
  });

  test("a digest that is none does not become a path", async () => {
    const evil = { status: 200, body: { ...ENVELOPE, tag: { ...tag.body.tag, digest: "../../_catalog" } } };
    const registry = openRegistry(inOrder(evil));
    await failureOf(clientOf(registry).getManifestProperties("library/hello-world", "latest"), UnexpectedResponseError);
    expect(registry.calls).toHaveLength(1);
  });
});

test("by digest takes one request, for both", async () => {
  const registry = openRegistry(() => single(IMAGE));
  const client = clientOf(registry);
  await client.getManifestProperties("library/hello-world", IMAGE.digest);
  await client.updateManifestProperties("library/hello-world", IMAGE.digest, { canRead: false, canList: true });
  expect(registry.callLines).toEqual([
    `GET /acr/v1/library/hello-world/_manifests/${IMAGE.digest}`,
    `PATCH /acr/v1/library/hello-world/_manifests/${IMAGE.digest}`,
  ]);
  expect(JSON.parse(Buffer.from(registry.calls[1]?.body ?? []).toString())).toEqual({
    readEnabled: false,
    listEnabled: true,
  });
});

test("a malformed digest never leaves this machine", async () => {
  const registry = openRegistry(inOrder());
  await failureOf(clientOf(registry).getManifestProperties("app", "sha256:abc"), InvalidInputError);
  expect(registry.seen).toEqual([]);
});
