import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Descriptor, type Digest, digestOf, parseManifest } from "@acrkit/oci";
import { expect } from "vitest";
import {
  createImage,
  createMultiPlatformImage,
  type Image,
  pushImage,
  pushMultiPlatformImage,
  writeLayout,
} from "../stage/image.ts";
import type { Stage } from "../stage/stage.ts";

/** What every tool is asked to do, and what its command line is made from. `image` and `repository` start with the registry. */
export interface VerbParameters {
  readonly login: { readonly registry: string; readonly username: string };
  /** The image lies in an OCI layout folder; its layers also as files in the working folder. */
  readonly push: {
    readonly layout: string;
    readonly layoutTag: string;
    readonly files: readonly string[];
    readonly image: string;
  };
  readonly pull: { readonly image: string; readonly into: string };
  readonly copy: { readonly from: string; readonly to: string };
  readonly "copy multi-platform": { readonly from: string; readonly to: string };
  readonly tag: { readonly image: string; readonly tag: string; readonly tagged: string };
  readonly "resolve digest": { readonly image: string };
  readonly "list tags": { readonly repository: string };
  readonly "list repositories": { readonly registry: string };
  readonly "delete manifest": { readonly repository: string; readonly digest: string };
  readonly "delete tag": { readonly image: string };
  readonly attach: { readonly image: string; readonly artifactType: string; readonly file: string };
  readonly discover: { readonly image: string };
}

export type VerbName = keyof VerbParameters;

/** A tool at work on a stage. */
export interface ToolAtWork {
  readonly stage: Stage;
  /** Runs the tool for a verb, with the password of its login on standard input. It has to succeed. */
  perform<Name extends VerbName>(name: Name, parameters: VerbParameters[Name], password?: string): Promise<string>;
}

/** One verb: prepares the registry, has the tool do it, and looks into the registry whether it was done. */
type Scenario = (tool: ToolAtWork) => Promise<void>;

const REPOSITORY = "team/app";

/** In the order of the matrix. */
export const VERBS: Readonly<Record<VerbName, Scenario>> = {
  async login(tool) {
    const { stage } = tool;
    await pushImage(stage.seeder, REPOSITORY, createImage("login"), ["v1"]);
    const parameters = { registry: stage.registry, username: stage.admin.username };
    const listTags = () => tool.perform("list tags", { repository: repositoryIn(stage) });

    // Some tools only write the password down, and are refused at their first use of it.
    const wrong = async () => {
      await tool.perform("login", parameters, "wrong");
      await listTags();
    };
    await expect(wrong()).rejects.toThrow(/unauthorized|authentication required|invalid username\/password/i);
    expect(stage.emulator.requests.entries.some(({ status, headers }) => status === 401 && isBasic(headers))).toBe(
      true,
    );

    await tool.perform("login", parameters, stage.admin.password);
    expect(words(await listTags())).toContain("v1");
  },

  async push({ stage, perform }) {
    const layerSizes = [100_000, 6_000_000];
    const image = createImage("push", { layerSizes });
    const layout = join(stage.folder, "layout");
    await writeLayout(layout, image, "local");
    const files = image.layers.map((_, index) => `layer-${index}.gz`);
    for (const [index, { bytes }] of image.layers.entries()) {
      await writeFile(join(stage.folder, files[index] ?? ""), bytes);
    }
    await perform("push", { layout, layoutTag: "local", files, image: imageIn(stage, "v1") });

    const { manifest } = await heldManifest(stage, REPOSITORY, "v1");
    const layers = "layers" in manifest ? manifest.layers : [];
    expect(layers.map(({ digest }) => digest)).toEqual(image.layers.map(({ descriptor }) => descriptor.digest));
    for (const { descriptor } of image.layers) {
      expect(stage.emulator.store.blobs.size(REPOSITORY, descriptor.digest)).toBe(descriptor.size);
    }
  },

  async pull({ stage, perform }) {
    const image = createImage("pull", { layerSizes: [100_000, 6_000_000] });
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    stage.emulator.requests.clear();
    const into = join(stage.folder, "pulled");
    await perform("pull", { image: imageIn(stage, "v1"), into });

    const pulled = await digestsOfFiles(into);
    expect(pulled).toEqual(expect.arrayContaining(image.layers.map(({ descriptor }) => descriptor.digest)));
    expect(downloads(stage).length).toBeGreaterThanOrEqual(image.layers.length);
    // Storage refuses the registry's token: a client that sends it along would have failed.
    expect(downloads(stage).every(({ headers }) => headers.authorization === undefined)).toBe(true);
  },

  async copy({ stage, perform }) {
    const image = createImage("copy", { layerSizes: [100_000, 1_000] });
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    await perform("copy", { from: imageIn(stage, "v1"), to: `${stage.registry}/team/copy:v2` });
    expectImage(stage, "team/copy", image);
    expect(heldDigest(stage, "team/copy", "v2")).toBe(image.descriptor.digest);
  },

  async "copy multi-platform"({ stage, perform }) {
    const image = createMultiPlatformImage("platforms");
    await pushMultiPlatformImage(stage.seeder, REPOSITORY, image, ["v1"]);
    await perform("copy multi-platform", { from: imageIn(stage, "v1"), to: `${stage.registry}/team/copy:v2` });
    expect(heldDigest(stage, "team/copy", "v2")).toBe(image.descriptor.digest);
    for (const member of image.members) expectImage(stage, "team/copy", member);
  },

  async tag({ stage, perform }) {
    const image = createImage("tag");
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    await perform("tag", { image: imageIn(stage, "v1"), tag: "stable", tagged: imageIn(stage, "stable") });
    expect(heldDigest(stage, REPOSITORY, "stable")).toBe(image.descriptor.digest);
    expect(heldDigest(stage, REPOSITORY, "v1")).toBe(image.descriptor.digest);
  },

  async "resolve digest"({ stage, perform }) {
    const image = createImage("resolve");
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    const printed = await perform("resolve digest", { image: imageIn(stage, "v1") });
    expect(printed.trim()).toBe(image.descriptor.digest);
  },

  async "list tags"({ stage, perform }) {
    await pushImage(stage.seeder, REPOSITORY, createImage("tags"), ["v1", "v2", "latest"]);
    const printed = words(await perform("list tags", { repository: repositoryIn(stage) }));
    expect(printed).toEqual(expect.arrayContaining(["latest", "v1", "v2"]));
    expect(answered(stage, "GET", `/v2/${REPOSITORY}/tags/list`)).toBe(true);
  },

  async "list repositories"({ stage, perform }) {
    const names = ["library/base", REPOSITORY];
    for (const name of names) await pushImage(stage.seeder, name, createImage(name), ["v1"]);
    expect(words(await perform("list repositories", { registry: stage.registry }))).toEqual(names);
  },

  async "delete manifest"({ stage, perform }) {
    const [removed, kept] = [createImage("removed"), createImage("kept")];
    await pushImage(stage.seeder, REPOSITORY, removed, ["old"]);
    await pushImage(stage.seeder, REPOSITORY, kept, ["new"]);
    await perform("delete manifest", { repository: repositoryIn(stage), digest: removed.descriptor.digest });
    const { manifests, tags } = stage.emulator.store;
    expect(manifests.get(REPOSITORY, removed.descriptor.digest)).toBeUndefined();
    expect(tags.list(REPOSITORY, { limit: 10 }).map(({ name }) => name)).toEqual(["new"]);
  },

  async "delete tag"({ stage, perform }) {
    const image = createImage("untag");
    await pushImage(stage.seeder, REPOSITORY, image, ["old", "new"]);
    await perform("delete tag", { image: imageIn(stage, "old") });
    const { manifests, tags } = stage.emulator.store;
    expect(tags.list(REPOSITORY, { limit: 10 }).map(({ name }) => name)).toEqual(["new"]);
    expect(manifests.list(REPOSITORY, { limit: 10 }).map(({ digest }) => digest)).toEqual([image.descriptor.digest]);
  },

  async attach({ stage, perform }) {
    const image = createImage("subject");
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    const text = "a bill of materials";
    await writeFile(join(stage.folder, "sbom.txt"), text);
    const artifactType = "application/vnd.example.sbom";
    await perform("attach", { image: imageIn(stage, "v1"), artifactType, file: "sbom.txt" });

    const [referrer, ...others] = stage.emulator.store.manifests.referrers(REPOSITORY, image.descriptor.digest);
    expect(others).toEqual([]);
    expect(referrer?.artifactType).toBe(artifactType);
    const { manifest } = contentOf(stage, REPOSITORY, referrer?.digest);
    const [layer] = "layers" in manifest ? manifest.layers : [];
    expect(layer?.digest).toBe(digestOf(Buffer.from(text)));
    // A registry without the referrers API would have got an index under such a tag.
    expect(stage.emulator.store.tags.list(REPOSITORY, { limit: 10 }).map(({ name }) => name)).toEqual(["v1"]);
  },

  async discover({ stage, perform }) {
    const image = createImage("subject");
    await pushImage(stage.seeder, REPOSITORY, image, ["v1"]);
    const referrers = ["sbom", "signature"].map((type) =>
      createImage(type, { artifactType: `application/vnd.example.${type}`, subject: image.descriptor }),
    );
    for (const referrer of referrers) await pushImage(stage.seeder, REPOSITORY, referrer);
    const printed = await perform("discover", { image: imageIn(stage, "v1") });
    for (const { descriptor } of referrers) expect(printed).toContain(descriptor.digest);
    expect(answered(stage, "GET", `/v2/${REPOSITORY}/referrers/${image.descriptor.digest}`)).toBe(true);
  },
};

function repositoryIn(stage: Stage): string {
  return `${stage.registry}/${REPOSITORY}`;
}

function imageIn(stage: Stage, tag: string): string {
  return `${repositoryIn(stage)}:${tag}`;
}

function heldDigest({ emulator }: Stage, repository: string, tag: string): Digest | undefined {
  return emulator.store.tags.get(repository, tag)?.digest;
}

function heldManifest(stage: Stage, repository: string, tag: string) {
  return contentOf(stage, repository, heldDigest(stage, repository, tag));
}

function contentOf({ emulator }: Stage, repository: string, digest: Digest | undefined) {
  if (digest === undefined) throw new Error(`the registry has no such manifest in ${repository}`);
  return parseManifest(emulator.store.manifests.content(repository, digest) ?? new Uint8Array());
}

function expectImage({ emulator }: Stage, repository: string, image: Image): void {
  const { manifests, blobs } = emulator.store;
  expect(manifests.get(repository, image.descriptor.digest)?.mediaType).toBe(image.descriptor.mediaType);
  const sizes = (descriptors: readonly Descriptor[]) => descriptors.map(({ digest }) => blobs.size(repository, digest));
  const descriptors = image.blobs.map(({ descriptor }) => descriptor);
  expect(sizes(descriptors)).toEqual(descriptors.map(({ size }) => size));
}

function downloads({ emulator }: Stage) {
  return emulator.requests.entries.filter(({ origin, status }) => origin === "storage" && status === 200);
}

function answered({ emulator }: Stage, method: string, path: string): boolean {
  return emulator.requests.entries.some(
    (entry) => entry.method === method && entry.status === 200 && decodeURIComponent(entry.path) === path,
  );
}

function isBasic(headers: Readonly<Record<string, string | undefined>>): boolean {
  return headers.authorization?.startsWith("Basic ") ?? false;
}

/** What a tool lists, whether as lines or as JSON. */
function words(printed: string): string[] {
  return printed.match(/[\w./-]+/g) ?? [];
}

async function digestsOfFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(files.map(async (file) => digestOf(await readFile(join(file.parentPath, file.name)))));
}
