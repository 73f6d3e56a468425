import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type Descriptor, digestEncoded, digestOf, MediaType, type OciImageManifest } from "@acrkit/oci";
import { seededBytes } from "../content/seeded.ts";

/**
 * Writes an image of several gzip layers as an OCI layout folder, the form that other tools read.
 *
 * @see OCI image-spec v1.1.1, image-layout.md
 */
export async function writeLayout(folder: string, tag: string, layers: number): Promise<Descriptor> {
  await mkdir(join(folder, "blobs", "sha256"), { recursive: true });
  const diffIds: string[] = [];
  const descriptors: Descriptor[] = [];
  for (let index = 0; index < layers; index++) {
    const tar = tarOf(`layer-${index}.bin`, seededBytes(`layout ${index}`, 200_000 + index));
    diffIds.push(digestOf(tar));
    descriptors.push(await writeBlob(folder, MediaType.ociLayerGzip, gzipSync(tar)));
  }
  const config = await writeBlob(
    folder,
    MediaType.ociConfig,
    json({ architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: diffIds } }),
  );
  const manifest: OciImageManifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config,
    layers: descriptors,
  };
  const descriptor = await writeBlob(folder, MediaType.ociManifest, json(manifest));
  await writeFile(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  await writeFile(
    join(folder, "index.json"),
    json({
      schemaVersion: 2,
      manifests: [{ ...descriptor, annotations: { "org.opencontainers.image.ref.name": tag } }],
    }),
  );
  return descriptor;
}

async function writeBlob(folder: string, mediaType: string, content: Uint8Array): Promise<Descriptor> {
  const digest = digestOf(content);
  await writeFile(join(folder, "blobs", "sha256", digestEncoded(digest)), content);
  return { mediaType, digest, size: content.byteLength };
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** One file in a tar: a header of 512 bytes, the content padded to 512, two empty blocks. @see POSIX.1-1988, ustar */
function tarOf(name: string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${content.byteLength.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (content.byteLength % 512)) % 512);
  return Buffer.concat([header, content, padding, Buffer.alloc(1024)]);
}
