import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { goCommand } from "../install/go.ts";
import { redact, runProcess } from "../stage/process.ts";
import type { Stage } from "../stage/stage.ts";
import { parseReport, type SpecResult } from "./report.ts";

/** The Open Container Initiative's own suite for registries, of the last commit that the module proxy has. */
export const CONFORMANCE = {
  name: "OCI conformance",
  installer: goCommand(
    "conformance",
    "github.com/opencontainers/distribution-spec/conformance",
    "v0.0.0-20260831232431-97274622c111",
  ),
};

/** The version of the distribution-spec that is tested; the suite also knows the next, unreleased one as `dev`. */
export const SPEC_VERSION = "1.1";

/**
 * Everything that the suite tests in a registry of that version. What it leaves out unless asked, and ACR has, is asked
 * for: cancelling an upload, `Docker-Content-Digest` of manifests. Left out still are `OCI_API_BLOBS_DIGEST_HEADER` (ACR
 * redirects blobs to a storage that does not know that header) and `OCI_DATA_SPARSE` (manifests whose members were never
 * pushed, which ACR refuses).
 */
const SETTINGS = {
  OCI_VERSION: SPEC_VERSION,
  OCI_TLS: "enabled",
  OCI_REPO1: "conformance/one",
  OCI_REPO2: "conformance/two",
  OCI_API_BLOBS_UPLOAD_CANCEL: "true",
  OCI_API_MANIFESTS_DIGEST_HEADER: "true",
};

const LIMIT_MS = 120_000;

/**
 * Runs the suite against the stage's registry as its admin user.
 *
 * @param installed the folder with the suite's program
 * @throws when the suite leaves no report
 */
export async function runSuite(stage: Stage, installed: string): Promise<readonly SpecResult[]> {
  const results = join(stage.folder, "results");
  const { stdout, stderr, timedOut } = await runProcess([join(installed, "conformance")], {
    folder: stage.folder,
    environment: {
      ...stage.environment,
      ...SETTINGS,
      OCI_REGISTRY: stage.registry,
      OCI_USERNAME: stage.admin.username,
      OCI_PASSWORD: stage.admin.password,
      OCI_RESULTS_DIR: results,
    },
    limitMs: LIMIT_MS,
  });
  // Its exit code says only that some spec failed, which the report says by name.
  const report = await readFile(join(results, "junit.xml"), "utf8").catch(() => undefined);
  if (report !== undefined && !timedOut) return parseReport(report);
  const end = timedOut ? `did not end within ${LIMIT_MS / 1000} s` : "left no report";
  throw new Error(redact(`the suite ${end}\n${stdout}${stderr}`, [stage.admin.password]));
}
