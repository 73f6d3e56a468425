import { InvalidInputError } from "@acrkit/oci";
import type { CommonClientOptions } from "@azure/core-client";

/**
 * How much a client moves at a time. What is beyond waits for its turn, in the order in which it was asked for. What is no
 * whole number above 0 is refused with an `InvalidInputError`.
 *
 * These are upper bounds: when the registry answers that it is too much (429), the client does less at a time by itself, and
 * comes back to them little by little.
 */
export interface TransferOptions {
  /**
   * Uploads at a time.
   *
   * @defaultValue 16
   */
  readonly maxUploads?: number;
  /**
   * Downloads at a time of those that the client drives itself: `toFile` and `bytes`. A download that the caller reads, as a
   * loop or a stream, takes no turn and is not counted: it could wait for one whose turn waits for it.
   *
   * @defaultValue 16
   */
  readonly maxDownloads?: number;
  /**
   * Bytes that all of these may hold in memory together. One transfer each way is let through however much it needs, so that
   * one which is larger than this is done alone.
   *
   * @defaultValue 67 108 864, which is 64 MiB
   */
  readonly maxHeldBytes?: number;
}

/** Options of a client, beside those of every Azure SDK client (retries, proxy, TLS, policies, transport, user agent). */
export interface ContainerRegistryClientOptions extends CommonClientOptions {
  /**
   * For whom Entra ID issues the token.
   *
   * @defaultValue by the registry's domain: the registry service, or the resource manager of China and US Government
   */
  readonly audience?: string;
  /**
   * How long a connection may stay silent, in milliseconds, before it counts as dead and the request is tried again. A large
   * transfer takes as long as it takes; only standing still counts. `Infinity` waits for ever.
   *
   * @defaultValue 60 000
   */
  readonly idleTimeoutInMs?: number;
  /** How much it moves at a time. */
  readonly transfers?: TransferOptions;
  /**
   * Origins besides the registry's own to which a password may be sent when the registry's challenge names them, such as
   * `https://auth.docker.io` for Docker Hub. What is no origin is refused with an `InvalidInputError`.
   *
   * @defaultValue none
   */
  readonly trustedTokenOrigins?: readonly string[];
  /**
   * Tries without the credential what a registry may allow everyone (pull, reading metadata, listing), and logs in only when
   * that is refused. One request more for each repository where it is.
   *
   * @defaultValue false
   */
  readonly anonymousFirst?: boolean;
  /**
   * Keeps ACR refresh tokens, which live for three hours, in a folder that this user's processes share, so that many processes
   * in a row do not each exchange their Entra token. `true` for the user's own cache folder: `$XDG_CACHE_HOME/acrkit` or
   * `~/.cache/acrkit`, `~/Library/Caches/acrkit`, `%LOCALAPPDATA%\\acrkit`.
   *
   * Only for Entra credentials, and only together with the Entra token of the same user, tenant and application. Files are for
   * their owner alone (0600); access tokens and passwords are never among them. A cache that cannot be used is a warning in the
   * log, and the client does without it, as it does in a browser.
   *
   * @defaultValue none
   */
  readonly tokenCache?: true | TokenCacheOptions;
}

/** Where refresh tokens are kept. */
export interface TokenCacheOptions {
  /** Made where it is missing. One that is a link, or that others may write to, is not used. */
  readonly folder?: string;
}

const DEFAULT_IDLE_TIMEOUT_IN_MS = 60_000;

/**
 * 500 blobs of 64 KiB at 50 ms from the registry take 19 s four at a time, 10 s eight at a time, 5 s sixteen at a time and 4 s
 * thirty-two at a time; without a distance, it makes no difference from eight on.
 */
const DEFAULT_TRANSFERS: Required<TransferOptions> = {
  maxUploads: 16,
  maxDownloads: 16,
  maxHeldBytes: 64 * 1024 * 1024,
};

/** Whether there is a cache, and where if not in the usual place. @throws {InvalidInputError} neither `true` nor a folder */
export function toTokenFolder(
  value: true | TokenCacheOptions | undefined,
): { readonly path: string | undefined } | undefined {
  if (value === undefined || (value as unknown) === false) return undefined;
  if (value === true) return { path: undefined };
  const folder: unknown = typeof value === "object" && value !== null ? value.folder : value;
  const isObject = typeof value === "object" && value !== null;
  if (isObject && (folder === undefined || (typeof folder === "string" && folder !== ""))) return { path: folder };
  throw new InvalidInputError("tokenCache", folder, "expected true, or { folder } with a path");
}

/** @throws {InvalidInputError} no number of milliseconds */
export function toIdleTimeout(value = DEFAULT_IDLE_TIMEOUT_IN_MS): number {
  if (typeof value === "number" && value > 0) return value;
  throw new InvalidInputError(
    "idleTimeoutInMs",
    value,
    "expected a number of milliseconds above 0, or Infinity for none",
  );
}

/** @throws {InvalidInputError} one of them is no whole number above 0 */
export function toTransferLimits(options: TransferOptions = {}): Required<TransferOptions> {
  const { maxUploads, maxDownloads, maxHeldBytes } = DEFAULT_TRANSFERS;
  return {
    maxUploads: toLimit("maxUploads", options.maxUploads ?? maxUploads),
    maxDownloads: toLimit("maxDownloads", options.maxDownloads ?? maxDownloads),
    maxHeldBytes: toLimit("maxHeldBytes", options.maxHeldBytes ?? maxHeldBytes),
  };
}

function toLimit(name: keyof TransferOptions, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidInputError(`transfers.${name}`, value, "expected a whole number above 0");
}
