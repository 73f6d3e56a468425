import { Readable } from "node:stream";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { digestOf, MediaType } from "@acrkit/oci";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seededBytes } from "../content/seeded.ts";

// The official client, unchanged, cannot tell the emulator from the service.
describe("@azure/container-registry against the emulator", () => {
  const repository = "official/app";
  let emulator: Emulator;
  let client: ContainerRegistryClient;
  let content: ContainerRegistryContentClient;
  let digest: string;
  const layer = Buffer.from(seededBytes("official", 9_000_000));

  beforeAll(async () => {
    emulator = await startEmulator();
    const options = { tlsOptions: { ca: emulator.certificate } };
    client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, options);
    content = new ContainerRegistryContentClient(emulator.endpoint, repository, emulator.credential, options);

    const layerResult = await content.uploadBlob(Readable.from([layer]));
    const config = Buffer.from(
      JSON.stringify({ architecture: "arm64", os: "linux", rootfs: { type: "layers", diff_ids: [] } }),
    );
    const configResult = await content.uploadBlob(config);
    expect(layerResult).toEqual({ digest: digestOf(layer), sizeInBytes: layer.byteLength });
    ({ digest } = await content.setManifest(
      {
        schemaVersion: 2,
        config: { mediaType: MediaType.ociConfig, digest: configResult.digest, size: configResult.sizeInBytes },
        layers: [{ mediaType: MediaType.ociLayer, digest: layerResult.digest, size: layerResult.sizeInBytes }],
      },
      { tag: "v1" },
    ));
  });
  afterAll(() => emulator.close());

  it("lists repositories, tags and manifests, in pages as well", async () => {
    expect(await Array.fromAsync(client.listRepositoryNames())).toEqual([repository]);
    const repo = client.getRepository(repository);
    const manifests = await Array.fromAsync(repo.listManifestProperties({ order: "LastUpdatedOnDescending" }));
    expect(manifests).toMatchObject([{ digest, tags: ["v1"], architecture: "arm64", operatingSystem: "linux" }]);
    await content.setManifest(Buffer.from((await content.getManifest("v1")).content), { tag: "v2" });
    const artifact = repo.getArtifact(digest);
    const pages = await Array.fromAsync(artifact.listTagProperties().byPage({ maxPageSize: 1 }));
    expect(pages.flat().map((tag) => tag.name)).toEqual(["v1", "v2"]);
    expect(pages).toHaveLength(2);
  });

  it("reads properties, sets locks, and is refused what they forbid", async () => {
    const artifact = client.getArtifact(repository, "v1");
    expect(await artifact.getManifestProperties()).toMatchObject({
      digest,
      canDelete: true,
      repositoryName: repository,
    });
    expect(await artifact.getTagProperties("v1")).toMatchObject({ name: "v1", digest });
    await artifact.updateTagProperties("v1", { canDelete: false });
    await expect(artifact.deleteTag("v1")).rejects.toMatchObject({ statusCode: 405 });
    await artifact.updateTagProperties("v1", { canDelete: true });
    expect(await client.getRepository(repository).getProperties()).toMatchObject({
      name: repository,
      manifestCount: 1,
    });
  });

  it("downloads manifests and blobs, through the redirect", async () => {
    const result = await content.getManifest("v1");
    expect(result).toMatchObject({ digest, mediaType: MediaType.ociManifest });
    const { content: stream } = await content.downloadBlob(digestOf(layer));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    expect(Buffer.concat(parts).equals(layer)).toBe(true);
    expect(emulator.requests.entries.some((entry) => entry.origin === "storage" && entry.status === 200)).toBe(true);
  });

  it("deletes tags, manifests, blobs and repositories, absent ones too", async () => {
    const artifact = client.getArtifact(repository, digest);
    await artifact.deleteTag("v2");
    await artifact.deleteTag("v2");
    await artifact.delete();
    await artifact.delete();
    await content.deleteBlob(digestOf(layer));
    await content.deleteBlob(digestOf(layer));
    await client.deleteRepository(repository);
    await client.deleteRepository(repository);
    expect(await Array.fromAsync(client.listRepositoryNames())).toEqual([]);
  });
});
