import {
  type ContainerRegistryClient,
  isDigestMismatchError,
  isInvalidManifestError,
  isRegistryError,
} from "@acrkit/client";
import { digestOf, MediaType } from "@acrkit/oci";
import { afterAll, beforeAll, describe, it } from "vitest";
import { seededBytes } from "../content/seeded.ts";
import { type Chance, createChance } from "./chance.ts";
import { type FaultyRegistry, startFaultyRegistry } from "./faulty-registry.ts";
import { randomRules } from "./random-faults.ts";

/** `ACRKIT_SEED=<seed>` runs one again. */
const SEEDS =
  process.env.ACRKIT_SEED === undefined
    ? Array.from({ length: 150 }, (_, index) => index + 1)
    : [Number(process.env.ACRKIT_SEED)];

/** What the registry has confirmed: it must be there, and whole. */
interface Acknowledged {
  readonly blobs: Map<string, number>;
  readonly manifests: Map<string, string>;
  /** `undefined` when the last one that touched the tag failed: it may have been done or not. */
  readonly tags: Map<string, { readonly digest: string | undefined } | undefined>;
}

describe("whatever goes wrong", () => {
  let registry: FaultyRegistry;
  beforeAll(async () => {
    registry = await startFaultyRegistry();
  });
  afterAll(() => registry.close());

  it.concurrent.for(SEEDS)("what is confirmed is there and whole, what is read is right (seed %i)", async (seed) => {
    const chance = createChance(seed);
    const rules = randomRules(chance);
    const { client, faults } = registry.patient(`random-${seed}`, seed, { idleTimeoutInMs: 5_000 });
    const story: string[] = [`seed ${seed}`, ...rules.map((rule) => JSON.stringify(rule))];
    try {
      faults.add(rules);
      const acknowledged: Acknowledged = { blobs: new Map(), manifests: new Map(), tags: new Map() };
      const repository = `random/${seed}`;
      for (let step = 0; step < 8; step++) await act(client, repository, acknowledged, chance, story);
      story.push(
        ...faults.fired.map(
          ({ fault, path, method }) => `fired: ${JSON.stringify(fault)} ${method} ${path.slice(0, 80)}`,
        ),
      );
      faults.clear();
      await verify(registry.calm, repository, acknowledged);
      // The client that met the faults is as good as any other.
      await verify(client, repository, acknowledged);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${story.join("\n")}`, { cause: error });
    }
  });
});

async function act(
  client: ContainerRegistryClient,
  repository: string,
  acknowledged: Acknowledged,
  chance: Chance,
  story: string[],
): Promise<void> {
  const { blobs, manifests, tags } = acknowledged;
  const what = chance.pick(["upload", "upload", "download", "push", "push", "pull", "list", "untag"] as const);
  const tag = chance.pick(["a", "b", "c"]);
  const content = seededBytes(`${repository} ${chance.below(1_000_000)}`, chance.pick([0, 1, 5_000, 200_000]));
  const digest = digestOf(content);
  const inMemory = chance.below(2) === 0;
  const known = [...blobs.keys()][chance.below(Math.max(1, blobs.size))];

  await typed(`${what} ${tag}`, story, async () => {
    if (what === "upload") {
      const result = await client.uploadBlob(repository, inMemory ? content : () => inPieces(content), {
        chunkSizeInBytes: 60_000,
      });
      equal([result.digest, result.sizeInBytes], [digest, content.byteLength], "upload");
      blobs.set(digest, content.byteLength);
    } else if (what === "download" && known !== undefined) {
      equal(digestOf(await (await client.downloadBlob(repository, known)).bytes()), known, "download");
    } else if (what === "push" && known !== undefined) {
      const manifest = manifestOf(known, blobs.get(known) ?? 0, tag, content.byteLength);
      tags.set(tag, undefined);
      const pushed = await client.setManifest(repository, manifest, { tag });
      manifests.set(pushed.digest, manifest);
      tags.set(tag, { digest: pushed.digest });
    } else if (what === "pull" && tags.get(tag)?.digest !== undefined) {
      const expected = tags.get(tag)?.digest;
      const pulled = await client.getManifest(repository, tag);
      equal([pulled.digest, digestOf(pulled.content)], [expected, expected], "pull");
    } else if (what === "list" && manifests.size > 0) {
      const names = new Set<string>();
      for await (const { name } of client.listTagProperties(repository)) names.add(name);
      for (const [name, state] of tags)
        if (state !== undefined) equal(names.has(name), state.digest !== undefined, `tag ${name}`);
    } else if (what === "untag") {
      if (tags.has(tag)) tags.set(tag, undefined);
      await client.deleteTag(repository, tag);
      if (tags.has(tag)) tags.set(tag, { digest: undefined });
    }
  });
}

/** A failure is one that a caller can tell: of the registry or the way to it, or of content that is not what it should be. */
async function typed(what: string, story: string[], work: () => Promise<void>): Promise<void> {
  try {
    await work();
    story.push(`${what}: well`);
  } catch (error) {
    story.push(`${what}: ${(error as Error).name} ${(error as Error).message}`);
    if (isRegistryError(error) || isDigestMismatchError(error) || isInvalidManifestError(error)) return;
    throw error;
  }
}

async function verify(client: ContainerRegistryClient, repository: string, { blobs, manifests, tags }: Acknowledged) {
  for (const [digest, size] of blobs) {
    const download = await client.downloadBlob(repository, digest);
    equal([digestOf(await download.bytes()), download.sizeInBytes], [digest, size], "blob");
  }
  for (const [digest, manifest] of manifests) {
    equal(new TextDecoder().decode((await client.getManifest(repository, digest)).content), manifest, "manifest");
  }
  if (manifests.size === 0) return;
  const names = new Map<string, string>();
  for await (const { name, digest } of client.listTagProperties(repository)) names.set(name, digest);
  for (const [tag, state] of tags) if (state !== undefined) equal(names.get(tag), state.digest, `tag ${tag}`);
  // What is there without having been confirmed is whole too.
  for (const [tag, digest] of names) equal((await client.getManifest(repository, tag)).digest, digest, `tag ${tag}`);
}

async function* inPieces(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < content.byteLength; at += 25_000) yield content.subarray(at, at + 25_000);
}

function manifestOf(digest: string, size: number, tag: string, salt: number): string {
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest, size },
    layers: [{ mediaType: MediaType.ociLayer, digest, size }],
    annotations: { tag, salt: "x".repeat(salt % 1_999) },
  });
}

/** Not `expect`: a difference must not be taken for an error of the client. */
function equal(actual: unknown, expected: unknown, what: string): void {
  const [seen, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (seen !== wanted) throw new Error(`${what}: ${seen} instead of ${wanted}`);
}
