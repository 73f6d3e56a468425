import { type ContainerRegistryClient, RegistryError, ResourceNotFoundError } from "@acrkit/client";
import { digestOf, MediaType, type OciIndex } from "@acrkit/oci";
import { expect, it } from "vitest";
import { pushImage } from "../content/image.ts";

const MISSING = digestOf(new TextEncoder().encode("never pushed anywhere"));

/** @see OCI distribution-spec v1.1.1, "Pulling manifests", "Pushing manifests", "Deleting manifests" */
export function defineManifestSuite(client: () => ContainerRegistryClient): void {
  const repository = "suite/manifests";

  it("pushes an image by tag and gets it by tag and by digest, byte for byte", async () => {
    const { digest, manifest } = await pushImage(client(), repository, { seed: "tagged", tag: "v1", layers: 3 });
    for (const reference of ["v1", digest]) {
      const found = await client().getManifest(repository, reference);
      expect(found.kind).toBe("image");
      expect(found.digest).toBe(digest);
      expect(found.mediaType).toBe(MediaType.ociManifest);
      expect(found.manifest).toEqual(manifest);
      expect(new TextDecoder().decode(found.content)).toBe(JSON.stringify(manifest));
    }
  });

  it("pushes without a tag", async () => {
    const { digest } = await pushImage(client(), repository, { seed: "untagged" });
    expect((await client().getManifest(repository, digest)).digest).toBe(digest);
  });

  it("keeps the bytes of a manifest given as text", async () => {
    const { manifest } = await pushImage(client(), repository, { seed: "spaced" });
    const text = JSON.stringify(manifest, undefined, 3);
    const { digest } = await client().setManifest(repository, text, { tag: "spaced" });
    expect(digest).toBe(digestOf(new TextEncoder().encode(text)));
    expect(new TextDecoder().decode((await client().getManifest(repository, "spaced")).content)).toBe(text);
  });

  it("moves a tag", async () => {
    const first = await pushImage(client(), repository, { seed: "first", tag: "moving" });
    const second = await pushImage(client(), repository, { seed: "second", tag: "moving" });
    expect((await client().getManifest(repository, "moving")).digest).toBe(second.digest);
    expect((await client().getManifest(repository, first.digest)).digest).toBe(first.digest);
  });

  it("pushes an index and a Docker manifest", async () => {
    const { digest, manifest } = await pushImage(client(), repository, { seed: "member" });
    const size = JSON.stringify(manifest).length;
    const index: OciIndex = {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [
        {
          mediaType: MediaType.ociManifest,
          digest: digest as never,
          size,
          platform: { os: "linux", architecture: "amd64" },
        },
      ],
    };
    await client().setManifest(repository, index, { tag: "index" });
    expect(await client().getManifest(repository, "index")).toMatchObject({ kind: "index", manifest: index });

    const docker = {
      schemaVersion: 2 as const,
      mediaType: MediaType.dockerManifest,
      config: { ...manifest.config, mediaType: MediaType.dockerConfig },
      layers: manifest.layers.map((layer) => ({ ...layer, mediaType: MediaType.dockerLayerGzip })),
    };
    await client().setManifest(repository, docker, { tag: "docker" });
    expect(await client().getManifest(repository, "docker")).toMatchObject({
      kind: "image",
      mediaType: MediaType.dockerManifest,
      manifest: docker,
    });
  });

  it("is told of every blob that is missing", async () => {
    const config = await client().uploadBlob(repository, "{}");
    const pushed = client().setManifest(repository, {
      schemaVersion: 2,
      config: { mediaType: MediaType.ociConfig, digest: config.digest, size: 2 },
      layers: [{ mediaType: MediaType.ociLayer, digest: MISSING, size: 7 }],
    });
    const error: unknown = await pushed.catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(RegistryError);
    expect((error as RegistryError).statusCode).toBeGreaterThanOrEqual(400);
    expect((error as RegistryError).errors.map(({ code }) => code)).toContain("MANIFEST_BLOB_UNKNOWN");
  });

  it("says that a manifest is not there, by tag and by digest", async () => {
    await pushImage(client(), repository, { seed: "tagged", tag: "v1" });
    for (const reference of ["no-such-tag", MISSING]) {
      await expect(client().getManifest(repository, reference)).rejects.toThrow(ResourceNotFoundError);
    }
  });

  it("deletes a manifest by digest with its tags, and again", async () => {
    const name = `${repository}/by-digest`;
    const { digest } = await pushImage(client(), name, { seed: "deleted", tag: "gone" });
    await client().deleteManifest(name, digest);
    await expect(client().getManifest(name, digest)).rejects.toThrow(ResourceNotFoundError);
    await expect(client().getManifest(name, "gone")).rejects.toThrow(ResourceNotFoundError);
    await client().deleteManifest(name, digest);
  });

  it("deletes a manifest by tag, and again", async () => {
    const name = `${repository}/by-tag`;
    const { digest } = await pushImage(client(), name, { seed: "deleted by tag", tag: "gone" });
    await client().deleteManifest(name, "gone");
    await expect(client().getManifest(name, digest)).rejects.toThrow(ResourceNotFoundError);
    await client().deleteManifest(name, "gone");
  });
}
