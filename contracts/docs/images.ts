// Pushes the images that examples speak of, by plain HTTP.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

const endpoint = process.env.CONTAINERREGISTRY_ENDPOINT ?? "";
const login = `${process.env.CONTAINERREGISTRY_USERNAME}:${process.env.CONTAINERREGISTRY_PASSWORD}`;
const headers = { authorization: `Basic ${Buffer.from(login).toString("base64")}` };

async function send(
  method: string,
  url: string,
  body?: Uint8Array<ArrayBuffer>,
  contentType?: string,
): Promise<Response> {
  const response = await fetch(url, {
    method,
    headers: { ...headers, ...(contentType === undefined ? {} : { "content-type": contentType }) },
    ...(body === undefined ? {} : { body }),
  });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`);
  return response;
}

async function pushBlob(repository: string, mediaType: string, bytes: Uint8Array<ArrayBuffer>) {
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const started = await send("POST", `${endpoint}/v2/${repository}/blobs/uploads/`);
  const location = new URL(started.headers.get("location") ?? "", endpoint);
  location.searchParams.set("digest", digest);
  await send("PUT", location.href, bytes, "application/octet-stream");
  return { mediaType, digest, size: bytes.length };
}

const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

async function pushImage(repository: string, tags: readonly string[]): Promise<void> {
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const config = await pushBlob(
    repository,
    "application/vnd.oci.image.config.v1+json",
    json({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] }, config: {} }),
  );
  const content = Uint8Array.from(gzipSync(`Hello from ${repository}!\n`));
  const layer = await pushBlob(repository, "application/vnd.oci.image.layer.v1.tar+gzip", content);
  const manifest = json({ schemaVersion: 2, mediaType, config, layers: [layer] });
  for (const tag of tags) await send("PUT", `${endpoint}/v2/${repository}/manifests/${tag}`, manifest, mediaType);
}

await pushImage("library/hello-world", ["latest"]);
await pushImage("team/app", ["v1", "obsolete"]);
await pushImage("team/old", ["v1"]);
