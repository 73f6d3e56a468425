import { InvalidInputError } from "@acrkit/oci";
import type { CommonClientOptions } from "@azure/core-client";

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
  /**
   * Origins besides the registry's own to which a password may be sent when the registry's challenge names them, such as
   * `https://auth.docker.io` for Docker Hub. What is no origin is refused with an `InvalidInputError`.
   *
   * @defaultValue none
   */
  readonly trustedTokenOrigins?: readonly string[];
}

const DEFAULT_IDLE_TIMEOUT_IN_MS = 60_000;

/** @throws {InvalidInputError} no number of milliseconds */
export function toIdleTimeout(value = DEFAULT_IDLE_TIMEOUT_IN_MS): number {
  if (typeof value === "number" && value > 0) return value;
  throw new InvalidInputError(
    "idleTimeoutInMs",
    value,
    "expected a number of milliseconds above 0, or Infinity for none",
  );
}
