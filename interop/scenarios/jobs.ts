import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { digestOf } from "@acrkit/oci";
import { expect } from "vitest";
import { createImage, pushImage } from "../stage/image.ts";
import type { Stage } from "../stage/stage.ts";

/** What the documented samples do, and what differs from SDK to SDK: the names that their samples have written down. */
export interface JobParameters {
  readonly "list repositories": object;
  readonly "list tags anonymously": object;
  readonly "set properties": { readonly locks: "tag latest" | "manifest of v1" };
  readonly "upload image": {
    readonly images: readonly (readonly [repository: string, tag: string])[];
    /** The sample deletes again what it has uploaded. */
    readonly removed?: boolean;
  };
  readonly "download image": { readonly layer: string };
  readonly "delete images": object;
  readonly "delete tags": {
    readonly repository: string;
    readonly before: readonly string[];
    readonly after: readonly string[];
  };
  readonly "delete manifest": Reference;
  readonly "delete blobs": Reference;
  readonly "delete repository": { readonly repository: string };
}

interface Reference {
  readonly repository: string;
  readonly tag: string;
  /** The sample itself uploads what it deletes. */
  readonly uploaded?: boolean;
}

export type JobName = keyof JobParameters;

/** One job: prepares the registry, runs the samples, and looks into the registry and the folder for what they did. */
export interface Job<Parameters> {
  readonly anonymous?: boolean;
  run(work: SampleAtWork, parameters: Parameters): Promise<void>;
}

/** An SDK's samples on a stage. */
export interface SampleAtWork {
  readonly stage: Stage;
  /** Runs them all; each has to succeed. Gives what they printed. */
  run(): Promise<string>;
}

const HELLO = "library/hello-world";

/** More manifests and tags than any page or "keep the newest" of the samples. */
const NEWEST_KEPT = 3;

/** In the order of the matrix. */
export const JOBS: { readonly [Name in JobName]: Job<JobParameters[Name]> } = {
  "list repositories": {
    async run({ stage, run }) {
      for (const name of [HELLO, "team/app"]) await pushImage(stage.seeder, name, createImage(name), ["latest"]);
      const printed = await run();
      expect(printed).toContain(HELLO);
      expect(printed).toContain("team/app");
      expect(requested(stage, "GET", "/acr/v1/_catalog", 200)).toBe(true);
    },
  },

  "list tags anonymously": {
    anonymous: true,
    async run({ stage, run }) {
      await pushImage(stage.seeder, HELLO, createImage("hello"), ["first-tag", "latest"]);
      const printed = await run();
      expect(printed).toContain("first-tag");
      expect(printed).toContain("latest");
      expect(requested(stage, "POST", "/oauth2/exchange", 200)).toBe(false);
    },
  },

  "set properties": {
    async run({ stage, run }, { locks }) {
      const image = createImage("hello");
      await pushImage(stage.seeder, HELLO, image, ["latest", "v1"]);
      await run();
      const { tags, manifests } = stage.emulator.store;
      const locked = { writeEnabled: false, deleteEnabled: false, readEnabled: true, listEnabled: true };
      const open = { writeEnabled: true, deleteEnabled: true, readEnabled: true, listEnabled: true };
      const [tag, manifest] = locks === "tag latest" ? [locked, open] : [open, locked];
      expect(tags.get(HELLO, "latest")?.attributes).toEqual(tag);
      expect(tags.get(HELLO, "v1")?.attributes).toEqual(open);
      expect(manifests.get(HELLO, image.descriptor.digest)?.attributes).toEqual(manifest);
    },
  },

  "upload image": {
    async run({ stage, run }, { images, removed = false }) {
      await run();
      for (const [repository, tag] of images) {
        expect(requested(stage, "PUT", `/v2/${repository}/manifests/${tag}`, 201)).toBe(true);
        expect(stage.emulator.store.tags.get(repository, tag) === undefined).toBe(removed);
      }
    },
  },

  "download image": {
    async run({ stage, run }, { layer }) {
      await run();
      const digest = digestOf(Buffer.from(layer));
      expect(await digestsOfFiles(stage.folder)).toContain(digest);
      const { entries } = stage.emulator.requests;
      // Through the redirect to storage, and without the registry's token there.
      // The layer and the config; some ask for ranges.
      const downloads = entries.filter(
        ({ origin, status }) => origin === "storage" && (status === 200 || status === 206),
      );
      expect(downloads.length).toBeGreaterThanOrEqual(2);
      expect(downloads.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    },
  },

  "delete images": {
    async run({ stage, run }) {
      const images = Array.from({ length: NEWEST_KEPT + 2 }, (_, index) => createImage(`hello ${index}`));
      for (const [index, image] of images.entries()) await pushImage(stage.seeder, HELLO, image, [`v${index}`]);
      await run();
      const { manifests, tags } = stage.emulator.store;
      const held = manifests.list(HELLO, { order: "timeasc", limit: 10 }).map(({ digest }) => digest);
      expect(held).toEqual(images.slice(-NEWEST_KEPT).map(({ descriptor }) => descriptor.digest));
      expect(tags.list(HELLO, { limit: 10 }).map(({ name }) => name)).toEqual(["v2", "v3", "v4"]);
    },
  },

  "delete tags": {
    async run({ stage, run }, { repository, before, after }) {
      const image = createImage("tags");
      await pushImage(stage.seeder, repository, image, before);
      await run();
      const { manifests, tags } = stage.emulator.store;
      expect(tags.list(repository, { limit: 10 }).map(({ name }) => name)).toEqual(after);
      expect(manifests.get(repository, image.descriptor.digest)).toBeDefined();
    },
  },

  "delete manifest": {
    async run({ stage, run }, { repository, tag, uploaded = false }) {
      const image = createImage("manifest");
      const kept = createImage("kept");
      if (!uploaded) await pushImage(stage.seeder, repository, image, [tag]);
      await pushImage(stage.seeder, repository, kept, ["kept"]);
      await run();
      const { manifests } = stage.emulator.store;
      expect(manifests.list(repository, { limit: 10 }).map(({ digest }) => digest)).toEqual([kept.descriptor.digest]);
      expect(deletions(stage, `/v2/${repository}/manifests/`)).toBe(1);
    },
  },

  "delete blobs": {
    async run({ stage, run }, { repository, tag, uploaded = false }) {
      const image = createImage("blobs", { layerSizes: [1_000, 2_000] });
      if (!uploaded) await pushImage(stage.seeder, repository, image, [tag]);
      await run();
      const { blobs } = stage.emulator.store;
      if (!uploaded) {
        for (const { descriptor } of image.layers) expect(blobs.size(repository, descriptor.digest)).toBeUndefined();
      }
      expect(deletions(stage, `/v2/${repository}/blobs/`)).toBe(2);
    },
  },

  "delete repository": {
    async run({ stage, run }, { repository }) {
      for (const name of [repository, "team/kept"]) {
        await pushImage(stage.seeder, name, createImage(name), ["latest"]);
      }
      await run();
      expect(stage.emulator.store.repositories.list({ limit: 10 })).toEqual(["team/kept"]);
    },
  },
};

function requested({ emulator }: Stage, method: string, path: string, status: number): boolean {
  return emulator.requests.entries.some(
    (entry) => entry.method === method && entry.status === status && decodeURIComponent(entry.path) === path,
  );
}

/** How many different things below this path were deleted. */
function deletions({ emulator }: Stage, prefix: string): number {
  const paths = emulator.requests.entries
    .filter(({ method, status }) => method === "DELETE" && status === 202)
    .map(({ path }) => decodeURIComponent(path))
    .filter((path) => path.startsWith(prefix));
  return new Set(paths).size;
}

async function digestsOfFiles(folder: string): Promise<string[]> {
  const files = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isFile());
  return Promise.all(files.map(async ({ name }) => digestOf(await readFile(join(folder, name)))));
}
