import type { Descriptor } from "../descriptor.ts";
import type { ManifestKind, MediaType } from "../media-type.ts";
import type { Platform } from "../platform.ts";

type Annotations = Readonly<Record<string, string>>;

/** One image, or any artifact in an image's shape. @see OCI image-spec v1.1.1, manifest.md */
export interface OciImageManifest {
  readonly schemaVersion: 2;
  /** Often left out; the media type of the answer counts then. */
  readonly mediaType?: typeof MediaType.ociManifest;
  readonly artifactType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** Manifests for several platforms, or any set of manifests. @see OCI image-spec v1.1.1, image-index.md */
export interface OciIndex {
  readonly schemaVersion: 2;
  readonly mediaType?: typeof MediaType.ociIndex;
  readonly artifactType?: string;
  readonly manifests: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

/** @see distribution, "Image Manifest Version 2, Schema 2" */
export interface DockerManifest {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MediaType.dockerManifest;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** @see distribution, "Image Manifest Version 2, Schema 2", "Manifest List" */
export interface DockerManifestList {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MediaType.dockerManifestList;
  readonly manifests: readonly (Descriptor & { readonly platform?: Platform })[];
}

/** The artifact manifest that OCI 1.1 release candidates had, and ORAS's before it; read, no longer written. */
export interface ArtifactManifest {
  readonly mediaType: typeof MediaType.ociArtifact | typeof MediaType.orasArtifact;
  readonly artifactType?: string;
  readonly blobs?: readonly Descriptor[];
  readonly subject?: Descriptor;
  readonly annotations?: Annotations;
}

export type Manifest = OciImageManifest | OciIndex | DockerManifest | DockerManifestList | ArtifactManifest;

/** A manifest together with what it is: switch on `kind`, or on `mediaType` where Docker's and OCI's forms matter. */
export type ParsedManifest =
  | { readonly kind: "image"; readonly mediaType: typeof MediaType.ociManifest; readonly manifest: OciImageManifest }
  | { readonly kind: "image"; readonly mediaType: typeof MediaType.dockerManifest; readonly manifest: DockerManifest }
  | { readonly kind: "index"; readonly mediaType: typeof MediaType.ociIndex; readonly manifest: OciIndex }
  | {
      readonly kind: "index";
      readonly mediaType: typeof MediaType.dockerManifestList;
      readonly manifest: DockerManifestList;
    }
  | {
      readonly kind: "artifact";
      readonly mediaType: typeof MediaType.ociArtifact | typeof MediaType.orasArtifact;
      readonly manifest: ArtifactManifest;
    };

/** Narrows a manifest to one with a config and layers. */
export function isImageManifest(manifest: Manifest): manifest is OciImageManifest | DockerManifest {
  return kindByShape(manifest) === "image";
}

/** Narrows a manifest to a list of manifests. */
export function isIndex(manifest: Manifest): manifest is OciIndex | DockerManifestList {
  return kindByShape(manifest) === "index";
}

/** What a manifest refers to by digest and must therefore exist before it: its blobs, or its members. */
export function manifestContents(manifest: Manifest): readonly Descriptor[] {
  if (isImageManifest(manifest)) return [manifest.config, ...manifest.layers];
  if (isIndex(manifest)) return manifest.manifests;
  return manifest.blobs ?? [];
}

function kindByShape(manifest: Manifest): ManifestKind {
  if ("manifests" in manifest) return "index";
  return "layers" in manifest ? "image" : "artifact";
}
