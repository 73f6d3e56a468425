import type { AcrTokens } from "../auth/acr-tokens.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Entra } from "../auth/entra.ts";
import type { RoleAssignments } from "../auth/role-assignments.ts";
import type { StampingClock } from "../clock.ts";
import type { Store } from "../storage/store.ts";
import type { EmulatorRequest } from "./message.ts";

/** What one registry consists of. */
export interface RegistryContext {
  readonly store: Store;
  readonly clock: StampingClock;
  readonly tokens: AcrTokens;
  readonly authenticator: Authenticator;
  readonly entra: Entra;
  /** What identities of Entra ID may do here. */
  readonly roles: RoleAssignments;
  readonly anonymousPull: boolean;
  /** Whether a referrer without a type of its own is listed with its config's. */
  readonly referrersByConfigType: boolean;
  /** The most a PUT that ends an upload may carry. */
  readonly maxPutBytes: number;
  /** Whether an upload that broke off can go on. */
  readonly resumableUploads: boolean;
  /** The most a PATCH may carry; undefined without a limit. */
  readonly maxPatchBytes: number | undefined;
  /** What every chunk but the last must have at least; undefined without a minimum. */
  readonly minChunkBytes: number | undefined;
  /** Whether what is pushed must be released before it can be pulled. */
  readonly quarantine: boolean;
  /** How long what was deleted can be restored; undefined when it is gone at once. */
  readonly softDeleteDays: number | undefined;
  /** 32 hexadecimal digits, the registry's id: `rid` in tokens, `regid` in signed URLs. */
  readonly registryId: string;
  /** Signs upload states and storage URLs. */
  readonly secret: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** HOST of the protocol reference: what the client calls this registry. */
  loginServer(request: EmulatorRequest): string;
  /** Where blobs are downloaded from: `https://localhost:54322`. */
  storageOrigin(request: EmulatorRequest): string;
}
