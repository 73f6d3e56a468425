import { type ContainerRegistryClient, ResourceLockedError, ResourceNotFoundError } from "@acrkit/client";
import { digestOf, MediaType } from "@acrkit/oci";
import { expect, it } from "vitest";
import { pushImage } from "../content/image.ts";

const MISSING = digestOf(new TextEncoder().encode("never pushed anywhere"));
const OPEN = { canDelete: true, canWrite: true, canRead: true, canList: true };

/** ACR's metadata API and its locks. @see ACR REST API 2021-07-01 */
export function defineMetadataSuite(client: () => ContainerRegistryClient): void {
  it("lists repositories in pages, to the end and from the middle", async () => {
    for (const name of ["catalog/a", "catalog/b", "catalog/c/d", "catalog/e"]) {
      await pushImage(client(), name, { seed: name, tag: "v1" });
    }
    const all = await Array.fromAsync(client().listRepositoryNames());
    expect(all).toEqual([...all].sort());
    expect(all).toEqual(expect.arrayContaining(["catalog/a", "catalog/b", "catalog/c/d", "catalog/e"]));

    const pages = await Array.fromAsync(client().listRepositoryNames().byPage({ maxPageSize: 1 }));
    expect(pages.flat()).toEqual(all);
    expect(pages.every((page) => page.length === 1)).toBe(true);
    expect(pages.at(-1)?.continuationToken).toBeUndefined();

    const continuationToken = pages[1]?.continuationToken as string;
    const rest = await Array.fromAsync(client().listRepositoryNames().byPage({ continuationToken }));
    expect(rest.flat()).toEqual(all.slice(2));
  });

  it("reads, locks and unlocks a repository", async () => {
    const name = "metadata/repository";
    await pushImage(client(), name, { seed: name, tag: "v1" });
    const properties = await client().getRepositoryProperties(name);
    expect(properties).toMatchObject({ name, manifestCount: 1, tagCount: 1, ...OPEN });
    expect(properties.createdOn).toBeInstanceOf(Date);
    expect(properties.registryLoginServer).toBe(client().loginServer);

    expect(await client().updateRepositoryProperties(name, { canWrite: false })).toMatchObject({
      ...OPEN,
      canWrite: false,
    });
    await expect(pushImage(client(), name, { seed: "another", tag: "v2" })).rejects.toThrow(ResourceLockedError);
    await expect(client().deleteRepository(name)).rejects.toThrow(ResourceLockedError);
    expect(await client().updateRepositoryProperties(name, { canWrite: true })).toMatchObject(OPEN);
    await pushImage(client(), name, { seed: "another", tag: "v2" });
  });

  it("deletes a repository and says what went, and again", async () => {
    const name = "metadata/deleted";
    const { digest } = await pushImage(client(), name, { seed: name, tag: "v1" });
    expect(await client().deleteRepository(name)).toEqual({ deletedManifests: [digest], deletedTags: ["v1"] });
    await expect(client().getRepositoryProperties(name)).rejects.toThrow(ResourceNotFoundError);
    expect(await client().deleteRepository(name)).toEqual({ deletedManifests: [], deletedTags: [] });
  });

  it("lists tags by name, by age both ways, by manifest and in pages", async () => {
    const name = "metadata/tags";
    const images = [];
    for (const tag of ["c", "a", "b"]) images.push(await pushImage(client(), name, { seed: tag, tag }));
    const names = async (options: object = {}) =>
      (await Array.fromAsync(client().listTagProperties(name, options))).map((tag) => tag.name);
    expect(await names()).toEqual(["a", "b", "c"]);
    expect(await names({ order: "LastUpdatedOnDescending" })).toEqual(["b", "a", "c"]);
    expect(await names({ order: "LastUpdatedOnAscending" })).toEqual(["c", "a", "b"]);
    expect(await names({ digest: images[0]?.digest })).toEqual(["c"]);
    for (const order of ["LastUpdatedOnDescending", "LastUpdatedOnAscending"] as const) {
      const pages = await Array.fromAsync(client().listTagProperties(name, { order }).byPage({ maxPageSize: 2 }));
      expect(pages.map((page) => page.length)).toEqual([2, 1]);
      expect(pages.flat().map((tag) => tag.name)).toEqual(await names({ order }));
    }
    expect(await client().getTagProperties(name, "a")).toMatchObject({
      repositoryName: name,
      name: "a",
      digest: images[1]?.digest,
      ...OPEN,
    });
  });

  it("locks a tag: it can be neither moved nor deleted, and other tags can", async () => {
    const name = "metadata/tag-lock";
    await pushImage(client(), name, { seed: "one", tag: "locked" });
    expect(await client().updateTagProperties(name, "locked", { canWrite: false, canDelete: false })).toMatchObject({
      ...OPEN,
      canWrite: false,
      canDelete: false,
    });
    await expect(client().deleteTag(name, "locked")).rejects.toThrow(ResourceLockedError);
    await expect(pushImage(client(), name, { seed: "two", tag: "locked" })).rejects.toThrow(ResourceLockedError);
    await pushImage(client(), name, { seed: "two", tag: "free" });
    await client().deleteTag(name, "free");
    expect(await client().updateTagProperties(name, "locked", { canWrite: true, canDelete: true })).toMatchObject(OPEN);
    await client().deleteTag(name, "locked");
  });

  it("deletes a tag and keeps its manifest, and again", async () => {
    const name = "metadata/untagged";
    const { digest } = await pushImage(client(), name, { seed: name, tag: "v1" });
    await client().deleteTag(name, "v1");
    await client().deleteTag(name, "v1");
    await client().deleteTag("metadata/no-such-repository", "v1");
    await expect(client().getTagProperties(name, "v1")).rejects.toThrow(ResourceNotFoundError);
    expect((await client().getManifestProperties(name, digest)).tags).toEqual([]);
  });

  it("lists manifests by age both ways and in pages, and reads one by tag and by digest", async () => {
    const name = "metadata/manifests";
    const digests: string[] = [];
    for (const seed of ["first", "second", "third"]) {
      digests.push((await pushImage(client(), name, { seed, tag: seed, layerBytes: 5_000 })).digest);
    }
    const list = async (options: object = {}) =>
      (await Array.fromAsync(client().listManifestProperties(name, options))).map(({ digest }) => digest);
    expect(await list()).toEqual([...digests].sort());
    expect(await list({ order: "LastUpdatedOnDescending" })).toEqual([...digests].reverse());
    expect(await list({ order: "LastUpdatedOnAscending" })).toEqual(digests);
    const pages = await Array.fromAsync(client().listManifestProperties(name).byPage({ maxPageSize: 2 }));
    expect(pages.map((page) => page.length)).toEqual([2, 1]);

    const byTag = await client().getManifestProperties(name, "second");
    expect(byTag).toEqual(await client().getManifestProperties(name, digests[1] as string));
    expect(byTag).toMatchObject({
      repositoryName: name,
      digest: digests[1],
      tags: ["second"],
      mediaType: MediaType.ociManifest,
      configMediaType: MediaType.ociConfig,
      architecture: "amd64",
      operatingSystem: "linux",
      relatedArtifacts: [],
      ...OPEN,
    });
    expect(byTag.sizeInBytes).toBeGreaterThanOrEqual(5_000);
  });

  it("names the members of an index", async () => {
    const name = "metadata/index";
    const { digest, manifest } = await pushImage(client(), name, { seed: name });
    const index = await client().setManifest(name, {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [
        {
          mediaType: MediaType.ociManifest,
          digest: digest as never,
          size: JSON.stringify(manifest).length,
          platform: { os: "linux", architecture: "arm64" },
        },
      ],
    });
    expect((await client().getManifestProperties(name, index.digest)).relatedArtifacts).toEqual([
      { digest, architecture: "arm64", operatingSystem: "linux" },
    ]);
  });

  it("locks a manifest: it cannot be deleted, read or listed, as its locks say", async () => {
    const name = "metadata/manifest-lock";
    const { digest } = await pushImage(client(), name, { seed: name, tag: "v1" });
    await client().updateManifestProperties(name, "v1", { canDelete: false });
    await expect(client().deleteManifest(name, digest)).rejects.toThrow(ResourceLockedError);
    await client().updateManifestProperties(name, "v1", { canDelete: true, canWrite: false });
    await expect(client().deleteManifest(name, digest)).rejects.toThrow(ResourceLockedError);
    await client().updateManifestProperties(name, "v1", { canWrite: true, canRead: false });
    await expect(client().getManifest(name, digest)).rejects.toThrow(ResourceLockedError);
    await client().updateManifestProperties(name, digest, { canRead: true, canList: false });
    expect(await Array.fromAsync(client().listManifestProperties(name))).toEqual([]);
    expect((await client().getManifestProperties(name, digest)).canList).toBe(false);
    await client().updateManifestProperties(name, digest, OPEN);
    await client().deleteManifest(name, digest);
  });

  it.each([
    ["getRepositoryProperties", (c: ContainerRegistryClient) => c.getRepositoryProperties("no/such"), "NAME_UNKNOWN"],
    [
      "updateRepositoryProperties",
      (c: ContainerRegistryClient) => c.updateRepositoryProperties("no/such", { canRead: true }),
      "NAME_UNKNOWN",
    ],
    ["listTagProperties", (c: ContainerRegistryClient) => c.listTagProperties("no/such").next(), "NAME_UNKNOWN"],
    [
      "listManifestProperties",
      (c: ContainerRegistryClient) => c.listManifestProperties("no/such").next(),
      "NAME_UNKNOWN",
    ],
    ["getTagProperties", (c: ContainerRegistryClient) => c.getTagProperties("no/such", "v1"), "TAG_UNKNOWN"],
    [
      "updateTagProperties",
      (c: ContainerRegistryClient) => c.updateTagProperties("no/such", "v1", { canRead: true }),
      "TAG_UNKNOWN",
    ],
    [
      "getManifestProperties",
      (c: ContainerRegistryClient) => c.getManifestProperties("no/such", MISSING),
      "MANIFEST_UNKNOWN",
    ],
    [
      "updateManifestProperties",
      (c: ContainerRegistryClient) => c.updateManifestProperties("no/such", MISSING, {}),
      "MANIFEST_UNKNOWN",
    ],
  ])("%s says what is not there", async (operation, call, code) => {
    const error: unknown = await call(client()).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ResourceNotFoundError);
    expect(error).toMatchObject({ code, operation, repository: "no/such", statusCode: 404 });
  });
}
