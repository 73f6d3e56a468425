import {
  type Descriptor,
  type Digest,
  InvalidInputError,
  isForeign,
  isIndex,
  manifestContents,
  manifestKind,
  refNameOf,
  tagOfRefName,
} from "@acrkit/oci";
import type { LayoutManifest, LayoutReader } from "./read-layout.ts";

/** What is to be imported, by descriptors alone: contents are read again when they are needed. */
export interface LayoutGraph {
  /** Every manifest behind those it refers to. */
  readonly manifests: readonly Descriptor[];
  readonly blobs: readonly Descriptor[];
  /** Tags by name. */
  readonly tags: ReadonlyMap<string, Digest>;
}

/**
 * Finds everything that belongs to the wanted entries of a layout: members of indexes at any depth, configs and layers, and
 * what `index.json` has besides that is attached to one of them.
 *
 * Reads, and so verifies, the manifests only.
 *
 * @throws {InvalidInputError} an entry that is asked for is not there, or two are called alike
 * @throws {InvalidLayoutError} a manifest is missing, or is not what its descriptor says
 */
export async function findGraph(layout: LayoutReader, references: readonly string[] | undefined): Promise<LayoutGraph> {
  // "An encountered mediaType that is unknown SHOULD NOT generate an error": nothing a registry could hold.
  const entries = layout.entries.filter(({ mediaType }) => manifestKind(mediaType) !== undefined);
  const wanted = references === undefined ? entries : references.flatMap((one) => entriesOf(entries, one));
  const manifests = new Map<Digest, Descriptor>();
  const blobs = new Map<Digest, Descriptor>();
  const visit = async (descriptor: Descriptor, known?: LayoutManifest): Promise<void> => {
    if (manifests.has(descriptor.digest)) return;
    const { manifest } = (known ?? (await layout.manifest(descriptor))).parsed;
    for (const content of manifestContents(manifest)) {
      if (isIndex(manifest)) await visit(content);
      else if (!isForeign(content)) blobs.set(content.digest, content);
    }
    manifests.set(descriptor.digest, descriptor);
  };
  for (const entry of wanted) await visit(entry);
  for (let others = references === undefined ? [] : entries; others.length > 0; ) {
    const found = manifests.size;
    for (const entry of others.filter(({ digest }) => !manifests.has(digest))) {
      const manifest = await layout.manifest(entry);
      if (isAttached(manifest, manifests)) await visit(entry, manifest);
    }
    // What was found may have something attached in its turn.
    if (manifests.size === found) others = [];
  }
  return { manifests: [...manifests.values()], blobs: [...blobs.values()], tags: tagsOf(wanted) };
}

function entriesOf(entries: readonly Descriptor[], reference: string): readonly Descriptor[] {
  const found = entries.filter((entry) => namesOf(entry).includes(reference));
  if (found.length > 0) return found;
  const names = [...new Set(entries.map((entry) => refNameOf(entry) ?? entry.digest))];
  throw new InvalidInputError("reference", reference, `the layout has ${names.join(", ") || "nothing at all"}`);
}

/** By what an entry can be asked for. */
function namesOf(entry: Descriptor): readonly string[] {
  const name = refNameOf(entry);
  const tag = name === undefined ? undefined : tagOfRefName(name);
  return [entry.digest, ...(name === undefined ? [] : [name]), ...(tag === undefined ? [] : [tag])];
}

function tagsOf(entries: readonly Descriptor[]): ReadonlyMap<string, Digest> {
  const tags = new Map<string, Digest>();
  for (const entry of entries) {
    const tag = tagOfRefName(refNameOf(entry) ?? "");
    if (tag === undefined) continue;
    if ((tags.get(tag) ?? entry.digest) !== entry.digest) {
      throw new InvalidInputError(
        "tag",
        tag,
        "two manifests of the layout have it; name the wanted one in `references`",
      );
    }
    tags.set(tag, entry.digest);
  }
  return tags;
}

function isAttached({ parsed: { manifest } }: LayoutManifest, manifests: ReadonlyMap<Digest, unknown>): boolean {
  return "subject" in manifest && manifest.subject !== undefined && manifests.has(manifest.subject.digest);
}
