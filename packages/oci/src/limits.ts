/** OCI distribution-spec v1.1.1, "Pushing manifests": registries should take 4 MiB; ACR documents the same limit. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** Hostile registries send headers too: of one that is parsed, what lies beyond is not read. ACR's longest stay below 1 KiB. */
export const MAX_HEADER_CHARACTERS = 16_384;
