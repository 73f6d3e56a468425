/** OCI distribution-spec v1.1.1, "Pushing manifests": registries should take 4 MiB; ACR documents the same limit. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
