import type { Attributes, Emulator, ManifestRecord, TagRecord } from "@acrkit/emulator";
import { OPEN } from "@acrkit/emulator";
import { type Digest, isDigest, MediaType, matchOperation, parseDigest } from "@acrkit/oci";
import { writeJson } from "../recordings/bytes.ts";
import { type Exchange, headerText, jsonOf, type Recording } from "../recordings/recording.ts";
import { EXTRAS } from "./extras.ts";

/** Where a recording shows no time, this one stands. */
const SOME_TIME = "2020-01-01T00:00:00.0000000Z";

interface SeededRepository {
  properties?: RepositoryJson;
  readonly tags: Map<string, TagRecord>;
  readonly manifests: Map<Digest, ManifestRecord>;
  readonly contents: Map<Digest, Uint8Array>;
  readonly blobs: Map<Digest, number>;
}

interface RepositoryJson {
  readonly createdTime: string;
  readonly lastUpdateTime: string;
  readonly manifestCount: number;
  readonly tagCount: number;
  readonly changeableAttributes: Attributes;
}

interface TagJson {
  readonly name: string;
  readonly digest: string;
  readonly createdTime: string;
  readonly lastUpdateTime: string;
  readonly changeableAttributes: Attributes;
}

interface ManifestJson {
  readonly digest: string;
  readonly imageSize: number;
  readonly createdTime: string;
  readonly lastUpdateTime: string;
  readonly architecture?: string;
  readonly os?: string;
  readonly mediaType: string;
  readonly configMediaType?: string;
  readonly tags?: readonly string[];
  readonly changeableAttributes: Attributes & { quarantineDetails?: string; quarantineState?: string };
  readonly references?: readonly { digest: string; architecture?: string; os?: string }[];
}

/**
 * Puts into the emulator what a recording presumes, read from the recording's own answers: what an answer shows must
 * have been there. The first answer to show something counts, since later ones may follow a change.
 */
export async function seed(emulator: Emulator, recording: Recording): Promise<void> {
  const state = new SeededState();
  for (const exchange of recording.exchanges) state.learn(exchange);
  const extras = EXTRAS[recording.id] ?? {};
  for (const name of extras.repositories ?? []) state.repository(name);
  for (const [name, tags] of Object.entries(extras.tags ?? {})) {
    for (const [tag, digest] of tags) state.tag(name, { ...SHELL_TAG, name: tag, digest: parseDigest(digest) });
  }
  state.write(emulator);
  for (const [name, blobs] of Object.entries(extras.blobs ?? {})) {
    for (const content of blobs) await emulator.store.blobs.put(name, content);
  }
}

const SHELL_TAG = { createdTime: SOME_TIME, lastUpdateTime: SOME_TIME, attributes: OPEN };

class SeededState {
  readonly #repositories = new Map<string, SeededRepository>();
  /** Lists that went on behind the last page a recording shows, by repository. */
  readonly #longer = new Map<string, Set<"tags" | "manifests">>();
  /** What the recording itself pushes need not be there before. */
  readonly #pushed = new Set<string>();

  repository(name: string): SeededRepository {
    let repository = this.#repositories.get(name);
    if (repository === undefined) {
      repository = { tags: new Map(), manifests: new Map(), contents: new Map(), blobs: new Map() };
      this.#repositories.set(name, repository);
    }
    return repository;
  }

  learn({ request, response }: Exchange): void {
    if (request.host !== undefined) return;
    const match = matchOperation(request.method, request.path);
    if (match === undefined || "allowed" in match) return;
    const { name = "", tag = "", reference = "", digest } = match.parameters;
    const json = (jsonOf(response.body) ?? {}) as Record<string, unknown>;
    const more = headerText(response.headers, "link") !== undefined;
    if (response.status === 404) {
      // These say that the repository is there, but not what is asked of it.
      const code = (json as { errors?: { code: string }[] }).errors?.[0]?.code;
      if (code === "MANIFEST_UNKNOWN" || code === "BLOB_UNKNOWN") this.repository(name);
      return;
    }
    if (response.status >= 300) return;
    const shownDigest = headerText(response.headers, "docker-content-digest");
    switch (match.operation.name) {
      case "listRepositories":
        for (const repository of json.repositories as string[]) this.repository(repository);
        break;
      case "getRepository":
      case "updateRepository":
        this.repository(name).properties ??= json as unknown as RepositoryJson;
        break;
      case "deleteRepository":
        this.deletedRepository(name, json as { manifestsDeleted: string[]; tagsDeleted: string[] });
        break;
      case "listTags":
        for (const shown of json.tags as TagJson[]) this.tag(name, tagOf(shown));
        this.#note(name, "tags", more);
        break;
      case "getTag":
      case "updateTag":
        this.tag(name, tagOf(json.tag as TagJson));
        break;
      case "deleteTag":
        this.tag(name, {
          ...SHELL_TAG,
          name: tag,
          digest: parseDigest(headerText(response.headers, "x-ms-int-docker-content-digest") ?? ""),
        });
        break;
      case "listManifests":
        for (const shown of json.manifests as ManifestJson[]) this.manifest(name, shown);
        this.#note(name, "manifests", more);
        break;
      case "getManifestAttributes":
      case "updateManifest":
        this.manifest(name, json.manifest as ManifestJson);
        break;
      case "getManifest":
        this.manifestContent(name, reference, { request, response }, shownDigest ?? "");
        break;
      case "deleteManifest":
        this.shellManifest(name, parseDigest(reference));
        break;
      case "putManifest":
        this.pushedManifest(name, reference, jsonOf(request.body), shownDigest ?? "");
        break;
      case "headBlob":
        this.repository(name).blobs.set(
          parseDigest(digest ?? ""),
          Number(headerText(response.headers, "content-length")),
        );
        break;
      case "finishUpload":
        this.#pushed.add(`${name}@${shownDigest}`);
        break;
      case "deleteBlob":
        if (!this.#pushed.has(`${name}@${digest}`)) this.repository(name).blobs.set(parseDigest(digest ?? ""), 1);
        break;
    }
  }

  tag(name: string, tag: TagRecord): void {
    const { tags } = this.repository(name);
    // A tag that a list of manifests told of gets its times from whoever shows them.
    const known = tags.get(tag.name);
    if (known === undefined || known.createdTime === SOME_TIME) tags.set(tag.name, tag);
    this.shellManifest(name, tag.digest);
  }

  manifest(name: string, shown: ManifestJson): void {
    const { manifests, contents, tags } = this.repository(name);
    const digest = parseDigest(shown.digest);
    const known = manifests.get(digest);
    if (known !== undefined && known.createdTime !== SOME_TIME) return;
    const { quarantineDetails, quarantineState, ...attributes } = shown.changeableAttributes;
    manifests.set(digest, { ...shown, digest, size: 0, attributes, quarantineDetails, quarantineState });
    if (shown.references !== undefined) contents.set(digest, listContent(shown));
    for (const tag of shown.tags ?? []) {
      if (!tags.has(tag)) tags.set(tag, { ...SHELL_TAG, name: tag, digest });
    }
  }

  manifestContent(name: string, reference: string, { response }: Exchange, shownDigest: string): void {
    const mediaType = headerText(response.headers, "content-type") ?? "";
    // A converted document is not what is stored.
    if (mediaType === MediaType.dockerSchema1Signed || this.#pushed.has(`${name}@${shownDigest}`)) return;
    const digest = parseDigest(shownDigest);
    const content = writeJson(jsonOf(response.body), { digest: shownDigest });
    this.shellManifest(name, digest, mediaType);
    this.repository(name).contents.set(digest, content);
    if (!isDigest(reference)) this.tag(name, { ...SHELL_TAG, name: reference, digest });
  }

  pushedManifest(name: string, reference: string, value: unknown, shownDigest: string): void {
    this.#pushed.add(`${name}@${shownDigest}`).add(`${name}:${reference}`);
    const { config, layers } = value as Record<"config", Blob> & Record<"layers", Blob[]>;
    for (const { digest, size } of [config, ...layers]) this.repository(name).blobs.set(parseDigest(digest), size);
  }

  deletedRepository(name: string, shown: { manifestsDeleted: string[]; tagsDeleted: string[] }): void {
    const digests = shown.manifestsDeleted.map(parseDigest);
    for (const digest of digests) this.shellManifest(name, digest);
    for (const tag of shown.tagsDeleted) {
      if (digests[0] !== undefined) this.tag(name, { ...SHELL_TAG, name: tag, digest: digests[0] });
    }
  }

  /** A manifest of which nothing is known but that it is there. */
  shellManifest(name: string, digest: Digest, mediaType: string = MediaType.dockerManifestList): void {
    const { manifests } = this.repository(name);
    if (manifests.has(digest)) return;
    manifests.set(digest, { ...SHELL_TAG, digest, mediaType, size: 0, imageSize: 0 });
  }

  write({ store }: Emulator): void {
    for (const [name, repository] of this.#repositories) {
      this.#fill(name, repository);
      const { properties, tags, manifests, contents, blobs } = repository;
      for (const [digest, size] of blobs) store.blobs.link(name, digest, size);
      // Blobs come before the repository does, which begins with its first manifest.
      if (properties === undefined && manifests.size === 0 && blobs.size > 0) continue;
      store.repositories.put({
        name,
        createdTime: properties?.createdTime ?? SOME_TIME,
        lastUpdateTime: properties?.lastUpdateTime ?? SOME_TIME,
        attributes: properties?.changeableAttributes ?? OPEN,
      });
      for (const [digest, record] of manifests) store.manifests.put(name, record, contents.get(digest));
      for (const tag of tags.values()) store.tags.put(name, tag);
    }
  }

  /** Adds what the counts say is there, and one entry behind each page that had a Link to another. */
  #fill(name: string, repository: SeededRepository): void {
    const { properties, tags, manifests } = repository;
    const longer = this.#longer.get(name);
    const filler = (index: number) => parseDigest(`sha256:${"f".repeat(60)}${String(index).padStart(4, "0")}`);
    const wantedManifests = properties?.manifestCount ?? manifests.size + (longer?.has("manifests") ? 1 : 0);
    for (let index = 0; manifests.size < wantedManifests; index++) this.shellManifest(name, filler(index));
    const [digest = filler(0)] = manifests.keys();
    const wantedTags = properties?.tagCount ?? tags.size + (longer?.has("tags") ? 1 : 0);
    for (let index = 0; tags.size < wantedTags; index++) {
      this.tag(name, { ...SHELL_TAG, name: `zz-filler-${index}`, digest });
    }
  }

  #note(name: string, kind: "tags" | "manifests", more: boolean): void {
    const longer = this.#longer.get(name) ?? new Set();
    this.#longer.set(name, longer);
    if (more) longer.add(kind);
    else longer.delete(kind);
  }
}

type Blob = { readonly digest: string; readonly size: number };

function tagOf({ name, digest, createdTime, lastUpdateTime, changeableAttributes }: TagJson): TagRecord {
  return { name, digest: parseDigest(digest), createdTime, lastUpdateTime, attributes: changeableAttributes };
}

function listContent({ mediaType, references = [] }: ManifestJson): Uint8Array {
  const manifests = references.map(({ digest, architecture, os }) => ({
    mediaType: MediaType.dockerManifest,
    digest,
    size: 1,
    platform: { architecture, os },
  }));
  return writeJson({ schemaVersion: 2, mediaType, manifests }, {});
}
