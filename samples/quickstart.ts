// The main job from end to end: pack a real image, push it, look at it, lock it, pull it back, clean up.
//
//   npm run quickstart
//
// Without a setting it works with a local registry that it starts itself. With CONTAINERREGISTRY_ENDPOINT set to a real
// one, it logs in with DefaultAzureCredential and touches one repository of its own, which it deletes at the end.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ContainerRegistryClient, ResourceLockedError } from "@acrkit/client";
import { type Descriptor, MediaType, type OciImageManifest } from "@acrkit/oci";
import { packImage } from "./quickstart/image.ts";
import { openRegistry } from "./quickstart/registry.ts";
import { heading, line, short, size, step } from "./quickstart/report.ts";

const repository = `acrkit-quickstart/hello-${randomBytes(4).toString("hex")}`;

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-quickstart-"));
  const registry = await openRegistry();
  console.log(`Registry ${registry.description}`);
  try {
    const image = await push(registry.client, folder);
    await look(registry.client);
    await lock(registry.client);
    await pull(registry.client, folder, image);
    await keepNewestThree(registry.client, image);
    await deleteTheRest(registry.client, image);
  } finally {
    await cleanUp(registry.client);
    await registry.close();
    await rm(folder, { recursive: true, force: true });
  }
  console.log("\nDone.");
}

/** Whatever went wrong, nothing of this run stays in a real registry; a lock that was left would refuse the delete. */
async function cleanUp(client: ContainerRegistryClient): Promise<void> {
  try {
    await client.updateTagProperties(repository, "v1", { canDelete: true, canWrite: true }).catch(() => {});
    await client.deleteRepository(repository);
  } catch (error) {
    console.error(`The repository ${repository} could not be deleted: ${(error as Error).message}`);
  }
}

async function push(client: ContainerRegistryClient, folder: string): Promise<OciImageManifest> {
  heading("Pack an image that runs");
  const packed = await step(
    () => packImage(folder),
    ({ layers }) => `packed ${layers.map(({ title, sizeInBytes }) => `${title} (${size(sizeInBytes)})`).join(" and ")}`,
  );

  heading(`Upload it to ${repository}`);
  const layers: Descriptor[] = [];
  for (const { file, title } of packed.layers) {
    const { digest, sizeInBytes } = await step(
      () => client.uploadBlob(repository, { path: file }),
      (result) => `layer     ${short(result.digest)}  ${size(result.sizeInBytes)}  ${title}`,
    );
    layers.push({ mediaType: MediaType.ociLayer, digest, size: sizeInBytes });
  }
  const config = await step(
    () => client.uploadBlob(repository, packed.config),
    (result) => `config    ${short(result.digest)}  ${size(result.sizeInBytes)}`,
  );
  const manifest: OciImageManifest = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: config.digest, size: config.sizeInBytes },
    layers,
  };
  await step(
    () => client.setManifest(repository, manifest, { tag: "v1" }),
    ({ digest }) => `manifest  ${short(digest)}  tagged v1`,
  );
  return manifest;
}

async function look(client: ContainerRegistryClient): Promise<void> {
  heading("Look at what is there");
  for await (const name of client.listRepositoryNames()) {
    if (name !== repository) continue;
    const { manifestCount, tagCount, createdOn } = await client.getRepositoryProperties(name);
    line(`repository ${name}: ${manifestCount} manifest, ${tagCount} tag, created ${createdOn.toISOString()}`);
  }
  for await (const tag of client.listTagProperties(repository)) {
    line(`tag        ${tag.name} -> ${short(tag.digest)}, may be deleted: ${tag.canDelete}`);
  }
  for await (const { digest, architecture, operatingSystem, sizeInBytes } of client.listManifestProperties(
    repository,
  )) {
    line(`manifest   ${short(digest)}  ${operatingSystem}/${architecture}  ${size(sizeInBytes)}`);
  }
}

async function lock(client: ContainerRegistryClient): Promise<void> {
  heading("Lock the tag");
  await client.updateTagProperties(repository, "v1", { canDelete: false, canWrite: false });
  line("v1 can neither be deleted nor moved");
  try {
    await client.deleteTag(repository, "v1");
    throw new Error("the registry deleted a locked tag");
  } catch (error) {
    if (!(error instanceof ResourceLockedError)) throw error;
    line(`a delete is refused: ${error.name}, status ${error.statusCode}, ${error.code}`);
  }
  await client.updateTagProperties(repository, "v1", { canDelete: true, canWrite: true });
  line("v1 is open again");
}

async function pull(client: ContainerRegistryClient, folder: string, pushed: OciImageManifest): Promise<void> {
  heading("Download everything, verified");
  const result = await client.getManifest(repository, "v1");
  if (result.kind !== "image") throw new Error(`v1 is no image but ${result.mediaType}`);
  line(`manifest  ${short(result.digest)}  ${result.manifest.layers.length} layers`);
  for (const { digest } of [result.manifest.config, ...result.manifest.layers]) {
    const download = await client.downloadBlob(repository, digest);
    await step(
      () => download.toFile(join(folder, digest.replace(":", "-"))),
      () => `blob      ${short(digest)}  ${size(download.sizeInBytes)}  digest proven`,
    );
  }
  if (JSON.stringify(result.manifest) !== JSON.stringify(pushed)) throw new Error("another manifest came back");
}

/** The same layers under four more manifests; of the five, three are kept. */
async function keepNewestThree(client: ContainerRegistryClient, image: OciImageManifest): Promise<void> {
  heading("Keep the three newest manifests, delete the rest");
  for (const version of ["v2", "v3", "v4", "v5"]) {
    const annotations = { "org.opencontainers.image.version": version };
    await client.setManifest(repository, { ...image, annotations }, { tag: version });
  }
  // The whole list first: what is deleted while a list is being read could shift its pages.
  const newestFirst = await Array.fromAsync(
    client.listManifestProperties(repository, { order: "LastUpdatedOnDescending" }),
  );
  for (const { digest, tags } of newestFirst.slice(0, 3)) line(`kept      ${short(digest)}  ${tags.join(", ")}`);
  for (const { digest, tags } of newestFirst.slice(3)) {
    await client.deleteManifest(repository, digest);
    line(`deleted   ${short(digest)}  ${tags.join(", ")}`);
  }
}

async function deleteTheRest(client: ContainerRegistryClient, image: OciImageManifest): Promise<void> {
  heading("Delete a manifest, a blob and the repository");
  await client.deleteManifest(repository, "v5");
  line("manifest  v5");
  const app = image.layers[1] as Descriptor;
  await client.deleteBlob(repository, app.digest);
  line(`blob      ${short(app.digest)}  gone: ${!(await client.blobExists(repository, app.digest))}`);
  const { deletedManifests, deletedTags } = await client.deleteRepository(repository);
  line(`repository with ${deletedManifests.length} manifests and the tags ${deletedTags.join(", ")}`);
}

main().catch((error: unknown) => {
  console.error(`\nThe quickstart failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
