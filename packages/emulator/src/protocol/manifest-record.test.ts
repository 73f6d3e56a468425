import { type Digest, MediaType } from "@acrkit/oci";
import { expect, it } from "vitest";
import { readManifest } from "../storage/read-manifest.ts";
import { testRegistry } from "../testing/in-process.ts";
import { describeManifest } from "./manifest-record.ts";

it("an image, and a list, of more bytes than a number can be is stored, shown and deleted as any other", async () => {
  await using test = await testRegistry();
  const scope = "repository:app:pull,push,delete,metadata_read";
  const put = async (reference: string, mediaType: string, members: object) => {
    const body = JSON.stringify({ schemaVersion: 2, mediaType, ...members });
    const headers = { "content-type": mediaType };
    const answer = await test.send("PUT", `/v2/app/manifests/${reference}`, { scope, headers, body });
    expect(answer.status).toBe(201);
    return { mediaType, digest: answer.header("Docker-Content-Digest") ?? "", size: body.length };
  };
  const digest = await test.pushBlob("app", "{}");
  const layer = { mediaType: MediaType.ociLayer, digest, size: Number.MAX_SAFE_INTEGER };
  const config = { mediaType: MediaType.ociConfig, digest, size: 2 };
  const image = await put("v1", MediaType.ociManifest, { config, layers: [layer, layer, layer] });
  const list = await put("v2", MediaType.ociIndex, { manifests: [image, image] });
  const { json } = await test.send("GET", "/acr/v1/app/_manifests", { scope });
  const sizes = json.manifests.map(({ imageSize }: { imageSize: number }) => imageSize);
  expect(sizes).toEqual([Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
  // Nor is another number written, which only reading would make a safe one.
  const { store } = test.registry.context;
  for (const one of [list, image]) {
    const digest = one.digest as Digest;
    const parsed = readManifest(store.manifests.content("app", digest) ?? Buffer.of(), one.mediaType);
    const described = await describeManifest(store, "app", { digest, size: one.size, parsed, now: "" });
    expect(described.imageSize).toBe(Number.MAX_SAFE_INTEGER);
  }
  for (const one of [list, image]) {
    expect((await test.send("DELETE", `/v2/app/manifests/${one.digest}`, { scope })).status).toBe(202);
  }
});
