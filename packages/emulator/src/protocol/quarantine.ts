import { repositoryScope, type Scope } from "@acrkit/oci";
import type { ManifestRecord } from "../storage/records.ts";
import type { Call } from "./call.ts";
import { failure } from "./failure.ts";
import { unknownTag } from "./unknown-tag.ts";

/*
 * Quarantine (chapter 6): what is pushed cannot be pulled until a scanner has said that it passed. Never recorded but for
 * the attributes; the refusals are those of Azure/acr, docs/preview/quarantine.
 */

/** What lets a manifest out. */
const PASSED = "Passed";

/** A quarantined manifest is not there by its tag, and disallowed by its digest, but for who may read in quarantine. */
export function assertReleased(
  call: Call,
  repository: string,
  manifest: ManifestRecord,
  tag: string | undefined,
): void {
  if (!call.quarantine || manifest.quarantineState === PASSED) return;
  if (call.reaches(repositoryScope(repository, ["quarantine_read"]))) return;
  throw tag === undefined ? failure("REGISTRY_DISALLOWED_OPERATION", { detail: {} }) : unknownTag(tag);
}

/** Only a quarantine writer says what became of a manifest; without the policy, whoever may change its metadata. */
export function assertMayRelease(call: Call, repository: string): void {
  if (!call.quarantine || call.reaches(repositoryScope(repository, ["quarantine_write"]))) return;
  throw failure("REGISTRY_DISALLOWED_OPERATION", { detail: {} });
}

/**
 * What a token is asked for, with what the quarantine needs besides: clients ask for `pull`, whatever roles they have, so
 * a scanner's tokens must hold its rights unasked. What the identity may not do falls out later.
 */
export function withQuarantineActions(asked: readonly Scope[]): readonly Scope[] {
  return asked.map((scope) =>
    scope.type === "repository"
      ? repositoryScope(scope.name, [...scope.actions, "quarantine_read", "quarantine_write"])
      : scope,
  );
}
