import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { APP, packageEntries, runtimeEntries, USER_ID } from "./contents.ts";
import { type LayerEntry, type PackedLayer, packLayer } from "./layer.ts";

/** The ports it listens on inside and, since it names them to its clients, outside as well. */
const PORTS = { registry: 5001, storage: 5002, entra: 5003 };

/** What has been built. */
export interface BuiltImage {
  /** Of the manifest. */
  readonly digest: string;
  readonly tag: string;
}

/**
 * Writes an OCI image layout with the emulator as an image for this machine's kind of Linux: the Node.js that runs this, its
 * libraries, the built packages. Nothing is downloaded, and no container engine is needed. The same files give the same digest.
 *
 * @see OCI image-spec v1.1.1, "Image Layout", "Image Configuration"
 */
export async function buildImage(
  folder: string,
  emulatorFolder = join(import.meta.dirname, ".."),
): Promise<BuiltImage> {
  if (process.platform !== "linux") throw new Error("an image is made of this machine's Node.js: build it on Linux");
  const { version, description } = JSON.parse(await readFile(join(emulatorFolder, "package.json"), "utf8"));
  const blobs = join(folder, "blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const layers = [
    await layer(blobs, await runtimeEntries(), `Node.js ${process.version} and its libraries`),
    await layer(blobs, await packageEntries(emulatorFolder), `@acrkit/emulator ${version}`),
  ];
  const config = await blob(blobs, imageConfig(layers, version, description));
  const manifest = await blob(blobs, {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
    layers: layers.map(({ digest, size }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
      digest,
      size,
    })),
  });
  const index = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.index.v1+json",
    manifests: [
      {
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        ...manifest,
        platform: { architecture: architecture(), os: "linux" },
        annotations: { "org.opencontainers.image.ref.name": version },
      },
    ],
  };
  await writeFile(join(folder, "index.json"), JSON.stringify(index));
  await writeFile(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return { digest: manifest.digest, tag: version };
}

interface Layer extends PackedLayer {
  readonly title: string;
}

async function layer(blobs: string, entries: readonly LayerEntry[], title: string): Promise<Layer> {
  // Named by its digest once that is known.
  const temporary = await mkdtemp(join(blobs, "..", "layer-"));
  try {
    const file = join(temporary, "layer.tar.gz");
    const packed = await packLayer(file, entries);
    await rename(file, join(blobs, packed.digest.slice("sha256:".length)));
    return { ...packed, title };
  } finally {
    await rm(temporary, { recursive: true });
  }
}

async function blob(blobs: string, value: unknown): Promise<{ readonly digest: string; readonly size: number }> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(blobs, hex), bytes);
  return { digest: `sha256:${hex}`, size: bytes.byteLength };
}

function imageConfig(layers: readonly Layer[], version: string, description: string): unknown {
  const { registry, storage, entra } = PORTS;
  const ports = ["--port", registry, "--storage-port", storage, "--entra-port", entra].map(String);
  return {
    // A time would make every build another image.
    created: new Date(0).toISOString(),
    architecture: architecture(),
    os: "linux",
    config: {
      User: `${USER_ID}:${USER_ID}`,
      ExposedPorts: Object.fromEntries(Object.values(PORTS).map((port) => [`${port}/tcp`, {}])),
      Env: ["PATH=/usr/local/bin", "NODE_ENV=production", "HOME=/data"],
      // Options that are given to the container come last, and so win over these.
      Entrypoint: [
        "/usr/local/bin/node",
        `/${APP}/node_modules/@acrkit/emulator/dist/main.js`,
        ...["--host", "0.0.0.0", ...ports, "--data", "/data"],
      ],
      Volumes: { "/data": {} },
      WorkingDir: "/data",
      StopSignal: "SIGTERM",
      Labels: {
        "org.opencontainers.image.title": "acrkit-emulator",
        "org.opencontainers.image.description": description,
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "MIT",
        // OCI's configuration has no field for it, as docker's has.
        "acrkit.healthcheck": `GET https://localhost:${registry}/healthz`,
      },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ title }) => ({ created: new Date(0).toISOString(), created_by: title })),
  };
}

function architecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
