import type { RoleAssignmentMode } from "./auth/roles.ts";
import type { ScopeMap } from "./auth/scope-maps.ts";
import type { AdminUser, RepositoryTokenOptions } from "./auth/users.ts";

/** What one registry is like; everything may be left out. */
export interface RegistryOptions {
  /**
   * What the registry calls itself in challenges, tokens and metadata. By default the host and port by which the
   * client addresses it; a fixed name is for replaying recorded traffic.
   */
  readonly loginServer?: string;
  /** The admin user; `false` for none. By default with generated passwords, the same as long as the data folder is kept. */
  readonly adminUser?: AdminUser | false;
  /** Whether anyone may list and pull. @default false */
  readonly anonymousPull?: boolean;
  /** Repository-scoped tokens: users by name, each with a scope map. */
  readonly tokens?: Readonly<Record<string, RepositoryTokenOptions>>;
  /** Scope maps by name, beside the built-in ones such as `_repositories_pull`. */
  readonly scopeMaps?: Readonly<Record<string, ScopeMap>>;
  /**
   * Which of Azure's roles count: those for the whole registry, or with ABAC those that can be narrowed down to
   * repositories; then scopes with a wildcard are ignored. @default "rbac"
   */
  readonly roleAssignmentMode?: RoleAssignmentMode;
  /**
   * Keeps what is deleted for some days, to be listed and restored (`/acr/v1/_deleted`); `true` is 7 days, the service's
   * default. @default false
   */
  readonly softDelete?: boolean | { /** 1 to 90. */ readonly retentionDays?: number };
  /**
   * Whether what is pushed can be pulled only after its `quarantineState` has been set to `Passed`, by an identity that
   * may write in quarantine (`AcrQuarantineWriter`). @default false
   */
  readonly quarantine?: boolean;
  /**
   * The most bytes of blobs, each counted once, and manifests that the registry may hold; whoever pushes more gets 405
   * `REGISTRY_DISALLOWED_OPERATION`, as at the storage limit of the service. @default no limit but the disk's
   */
  readonly quotaBytes?: number;
  /**
   * The most bytes that a PUT which ends an upload may carry; more is 413, as ACR was reported to answer. A PATCH may have
   * any length. @default 20 MiB
   */
  readonly maxPutBytes?: number;
  /**
   * Whether an upload that broke off can go on, as with zot and others, but not with ACR: `GET <Location>` tells how much has
   * arrived and gives a new Location, also for one that is out of date; a PATCH or PUT leaves what arrived of it; one with a
   * `Content-Range` that begins elsewhere than the upload ends is 416. Without `Content-Range` its bytes are appended wherever
   * the client believed to be. @default false
   */
  readonly resumableUploads?: boolean;
  /**
   * The most bytes that one PATCH may carry, as where a proxy limits every request; more is 413, at once where the length is
   * announced, else at the byte after the last one that is let through. ACR has no such limit. @default no limit
   */
  readonly maxPatchBytes?: number;
  /**
   * The fewest bytes of every chunk but the last: announced as `OCI-Chunk-Min-Length` when an upload starts, and a chunk that
   * follows a smaller one is refused with 400 `SIZE_INVALID`. ACR asks for nothing. @default no minimum
   */
  readonly minChunkBytes?: number;
  /**
   * The most requests under way at a time on `/v2` and `/acr/v1`; one more gets 429 with `Retry-After: 1`. Downloads from the
   * storage and requests for tokens do not count. @default no limit
   */
  readonly maxConcurrentRequests?: number;
  /**
   * Whether referrers are listed, and found, by their config's media type when they name no artifact type, as OCI wants
   * it. `false` leaves it out, as ACR was reported to do (Azure/acr#784). @default true
   */
  readonly referrersByConfigType?: boolean;
}

/** How an emulator is started; everything may be left out. The options of a registry are those of its first one. */
export interface EmulatorOptions extends RegistryOptions {
  /** Where everything is kept. Without it a fresh temporary folder, removed on close. */
  readonly dataFolder?: string;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** 0 is any free port. Registries beside the first one always take any free port. @default 0 */
  readonly port?: number | undefined;
  /** The port of the blob storage that downloads are redirected to. @default 0 */
  readonly storagePort?: number | undefined;
  /** The port of the stand-in for Entra ID. @default 0 */
  readonly entraPort?: number | undefined;
  /** Further names under which clients reach this machine, for the certificate to be valid for them. */
  readonly hostnames?: readonly string[];
  /** HTTPS with a certificate of its own, as ACR has nothing else; `false` for plain HTTP. @default true */
  readonly tls?: boolean;
  /**
   * More registries in the same process, by name. Each has content, users and keys of its own, a port of its own, and is
   * also reached at every port by a host name that begins with its name: `team.localhost`, `team.azurecr.io`.
   */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
  /**
   * How faults are set up: what their draws follow from (by default 1), and whether a request may ask for one by its header
   * `x-acrkit-fault` (by default not).
   */
  readonly faults?: { readonly seed?: number; readonly allowHeader?: boolean };
  /** The clock under the emulator's own, in milliseconds since 1970. @default the machine's */
  readonly now?: () => number;
}
