import { digestOf } from "@acrkit/oci";
import { logger } from "../logger.ts";
import type { SecretFolder } from "../runtime/port.ts";
import { isVisibleAscii } from "./identity.ts";
import { type CachedToken, renewalMargin } from "./token-cache.ts";
import { claimsOf, type EntraOwner } from "./token-claims.ts";

/** The place of one refresh token: of one owner, at one registry. */
export interface KeptRefreshToken {
  /** One that an earlier process has left and that is still good; nothing that is there and is not one does any harm. */
  read(nowMs: number): Promise<CachedToken | undefined>;
  /** Does not fail: a login goes on without it. */
  write(refreshToken: string, clockOffsetMs: number): Promise<void>;
  /** Does `work` while no other process does the same; as far as can be, and not for long. */
  inTurn<T>(abortSignal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** Removes it, unless another process has put another one there. */
  remove(refreshToken: string): Promise<void>;
}

/**
 * ACR refresh tokens that outlive the process, so that a hundred processes in a row exchange one Entra token.
 *
 * Never access tokens, passwords or Entra tokens. A token is found by the registry, and by the tenant, the object and the
 * application of the Entra token that its reader has in hand: whoever has logged out, or in as somebody else, finds nothing.
 */
export interface RefreshTokenStore {
  find(service: string, owner: EntraOwner): Promise<KeptRefreshToken | undefined>;
}

/** What a file holds. */
interface Content {
  readonly version: 1;
  readonly key: string;
  readonly refreshToken: string;
  /** How far the registry's clock was ahead of this machine's. A token's expiry is by the registry's. */
  readonly clockOffsetMs: number;
}

/** The same, with what the token says of its life, in seconds. */
interface ReadContent extends Content {
  readonly iat: number;
  readonly exp: number;
}

/** The store in a folder, which is opened when it is first needed. */
export function createRefreshTokenStore(registry: URL, open: () => Promise<SecretFolder>): RefreshTokenStore {
  let opened: Promise<SecretFolder | undefined> | undefined;
  return {
    async find(service, { tenant, object, application }) {
      opened ??= open().catch((error: unknown) => warn("cannot be used", error));
      const folder = await opened;
      if (folder === undefined) return undefined;
      const parts = [registry.origin, service, tenant, object, application ?? ""];
      const key = digestOf(new TextEncoder().encode(JSON.stringify(parts))).slice("sha256:".length);
      return keptToken(folder, key, service);
    },
  };
}

function keptToken(folder: SecretFolder, key: string, service: string): KeptRefreshToken {
  const readContent = async () => {
    try {
      return parseContent(await folder.read(key), key, service);
    } catch (error) {
      return warn("cannot be read", error);
    }
  };
  return {
    async read(nowMs) {
      const content = await readContent();
      if (content === undefined) return undefined;
      const { refreshToken: value, clockOffsetMs, exp, iat } = content;
      // The registry's time, brought to this machine's clock.
      const renewAtMs = exp * 1000 - clockOffsetMs - renewalMargin((exp - iat) * 1000);
      return renewAtMs > nowMs ? { value, renewAtMs } : undefined;
    },
    async write(refreshToken, clockOffsetMs) {
      const content: Content = { version: 1, key, refreshToken, clockOffsetMs };
      // What could not be read again as this registry's is not kept.
      if (parseContent(JSON.stringify(content), key, service) === undefined) return;
      try {
        await folder.write(key, JSON.stringify(content));
      } catch (error) {
        warn("cannot be written", error);
      }
    },
    inTurn: (abortSignal, work) => folder.inTurn(key, abortSignal, work),
    async remove(refreshToken) {
      if ((await readContent())?.refreshToken !== refreshToken) return;
      await folder.remove(key).catch((error: unknown) => warn("cannot be cleaned", error));
    },
  };
}

/** Undefined for anything but a refresh token of this registry, under the key that it is looked for by. */
function parseContent(text: string | undefined, key: string, service: string): ReadContent | undefined {
  let content: Partial<Content>;
  try {
    content = (JSON.parse(text ?? "null") ?? {}) as Partial<Content>;
  } catch {
    return undefined;
  }
  const { version, refreshToken, clockOffsetMs } = content;
  if (version !== 1 || content.key !== key || typeof refreshToken !== "string" || !isVisibleAscii(refreshToken)) {
    return undefined;
  }
  if (typeof clockOffsetMs !== "number" || !Number.isFinite(clockOffsetMs)) return undefined;
  const { grant_type, aud, iat, exp } = claimsOf(refreshToken) ?? {};
  if (grant_type !== "refresh_token" || aud !== service) return undefined;
  if (typeof iat !== "number" || typeof exp !== "number") return undefined;
  return { version, key, refreshToken, clockOffsetMs, iat, exp };
}

function warn(what: string, error: unknown): undefined {
  logger.warning(`The token cache ${what}, and does without: ${error instanceof Error ? error.message : "no reason"}`);
  return undefined;
}
