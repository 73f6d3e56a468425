/** Media types of manifests, configs and layers. @see OCI image-spec v1.1.1, media-types.md; distribution's manifest-v2-2 */
export const MediaType = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  ociEmpty: "application/vnd.oci.empty.v1+json",
  ociArtifact: "application/vnd.oci.artifact.manifest.v1+json",
  orasArtifact: "application/vnd.cncf.oras.artifact.manifest.v1+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerManifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  dockerSchema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

/** How a manifest is built: one image, a list of manifests, or an artifact of the form that OCI 1.1 gave up again. */
export type ManifestKind = "image" | "index" | "artifact";

const KINDS: Readonly<Record<string, ManifestKind>> = {
  [MediaType.ociManifest]: "image",
  [MediaType.dockerManifest]: "image",
  [MediaType.ociIndex]: "index",
  [MediaType.dockerManifestList]: "index",
  [MediaType.ociArtifact]: "artifact",
  [MediaType.orasArtifact]: "artifact",
};

/** The media types of manifests that can be parsed, in the order in which a client names them in `Accept`. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  MediaType.ociIndex,
  MediaType.ociManifest,
  MediaType.dockerManifestList,
  MediaType.dockerManifest,
  MediaType.ociArtifact,
  MediaType.orasArtifact,
];

/** The kind of manifest behind a media type, or undefined when it is none that can be parsed. */
export function manifestKind(mediaType: string): ManifestKind | undefined {
  return Object.hasOwn(KINDS, mediaType) ? KINDS[mediaType] : undefined;
}

/** A `Content-Type` without its parameters, in lower case: `application/json; charset=utf-8` is `application/json`. */
export function bareMediaType(contentType: string): string {
  const semicolon = contentType.indexOf(";");
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
}
