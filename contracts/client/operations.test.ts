import { describeRegistry } from "../registries/describe-registry.ts";
import { distributionHarness } from "../registries/distribution.ts";
import { emulatorHarness, otherUploadsHarness } from "../registries/emulator.ts";
import { zotHarness } from "../registries/zot.ts";
import { defineBlobSuite } from "./blob-suite.ts";
import { defineManifestSuite } from "./manifest-suite.ts";
import { defineMetadataSuite } from "./metadata-suite.ts";

// Every method of the client, against every registry that offers it.
for (const harness of [emulatorHarness, distributionHarness]) {
  describeRegistry("blobs", harness, defineBlobSuite);
  describeRegistry("manifests", harness, defineManifestSuite);
}
for (const harness of [otherUploadsHarness, zotHarness]) describeRegistry("blobs", harness, defineBlobSuite);
describeRegistry("metadata", emulatorHarness, defineMetadataSuite);
