import type { Digest } from "@acrkit/oci";
import type { Target } from "../load/client.ts";

/** A server in a process of its own, to be measured. */
export interface RunningRegistry {
  readonly target: Target;
  readonly processId: number;
  /** Gives a repository, which has the manifest, this many tags for it, named by `seededTag`. */
  seedTags(repository: string, digest: Digest, count: number): Promise<void>;
  stop(): Promise<void>;
}

/** How one kind of server is started, empty. */
export interface RegistryKind {
  /** Why it cannot be started here; undefined when it can. */
  readonly missing: string | undefined;
  start(): Promise<RunningRegistry>;
}

/** Six digits, so that they sort as they count. */
export function seededTag(index: number): string {
  return `tag-${String(index).padStart(6, "0")}`;
}
