import { existsSync } from "node:fs";
import { join } from "node:path";
import { mavenProgram } from "../install/maven.ts";
import { runSuccessfully } from "../stage/process.ts";
import type { Sdk } from "./client.ts";

const REPOSITORY = "library/hello-world";

/** A program after the SDK's README, whose samples are fragments: `programs/java/Samples.java`. */
export const azureJava: Sdk = {
  kind: "sdk",
  name: "Azure SDK for Java",
  installer: mavenProgram("java", "1.2.6"),
  async prepare(program, { installed, folder, certificateFile }) {
    const store = join(folder, "..", "truststore.p12");
    // A second sample on the same stage finds it there.
    if (!existsSync(store)) await importCertificate(certificateFile, store);
    return [
      "java",
      // Started once for each sample: compiling well does not pay.
      ...["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"],
      ...[`-Djavax.net.ssl.trustStore=${store}`, `-Djavax.net.ssl.trustStorePassword=${STORE_PASSWORD}`],
      ...["-cp", [join(installed, "classes"), join(installed, "lib", "*")].join(":"), "Samples", program],
    ];
  },
  jobs: {
    "list repositories": { programs: ["listRepositories"] },
    "list tags anonymously": { programs: ["listTagsAnonymously"] },
    "set properties": { programs: ["setProperties"], locks: "tag latest" },
    "upload image": { programs: ["uploadImage"], images: [[REPOSITORY, "demo"]] },
    "download image": { programs: ["uploadImage", "downloadImage"], layer: "Sample layer" },
    "delete images": { programs: ["deleteImages"] },
    "delete tags": {
      programs: ["deleteTags"],
      repository: REPOSITORY,
      before: ["a", "b", "c", "d", "latest"],
      after: ["c", "d", "latest"],
    },
    "delete manifest": { programs: ["deleteManifest"], repository: REPOSITORY, tag: "latest" },
    "delete blobs": { programs: ["deleteBlobs"], repository: REPOSITORY, tag: "latest" },
    "delete repository": { programs: ["deleteRepository"], repository: REPOSITORY },
  },
};

/** keytool wants one; the store holds nothing but a public certificate. */
const STORE_PASSWORD = "public";

async function importCertificate(certificateFile: string, store: string): Promise<void> {
  const importing = ["-importcert", "-noprompt", "-alias", "emulator", "-file", certificateFile];
  await runSuccessfully(["keytool", ...importing, "-keystore", store, "-storepass", STORE_PASSWORD], {
    folder: ".",
    environment: { PATH: process.env.PATH ?? "" },
    limitMs: 60_000,
  });
}
