import { basicAuthorization } from "./credential.ts";
import type { Identity } from "./identity.ts";

/** One request of the token flow, before it is sent. `form` goes into the body, `query` into the URL: never a secret there. */
export interface TokenRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly form?: readonly (readonly [string, string])[];
  readonly query?: readonly (readonly [string, string])[];
  readonly authorization?: string;
}

/** Entra token in, ACR refresh token out, at the origin of `base`. @see ACR, AAD-OAuth.md, "Calling POST /oauth2/exchange" */
export function exchangeRequest(base: URL, service: string, entraToken: string): TokenRequest {
  return {
    url: new URL("/oauth2/exchange", base),
    method: "POST",
    form: [
      ["grant_type", "access_token"],
      ["service", service],
      ["access_token", entraToken],
    ],
  };
}

/** The specification wants a name of the client's choosing; ACR's documents have none. */
const CLIENT_ID = "acrkit";

/**
 * Refresh token in, access token for some scopes out. `isAcr` is false for other registries' token services.
 *
 * @see ACR, AAD-OAuth.md, "Calling POST /oauth2/token"; distribution, "OAuth2 Token Authentication"
 */
export function refreshTokenRequest(
  realm: URL,
  service: string,
  scopes: readonly string[],
  refreshToken: string,
  isAcr: boolean,
): TokenRequest {
  return {
    url: realm,
    method: "POST",
    form: [
      ["grant_type", "refresh_token"],
      ["service", service],
      ...(isAcr ? [] : [["client_id", CLIENT_ID] as const]),
      ["scope", scopes.join(" ")],
      ["refresh_token", refreshToken],
    ],
  };
}

/** Access token for whoever asks: ACR's anonymous pull is the password grant with an empty refresh token. */
export function anonymousAcrRequest(realm: URL, service: string, scopes: readonly string[]): TokenRequest {
  return {
    url: realm,
    method: "POST",
    form: [
      ["grant_type", "password"],
      ["service", service],
      ["scope", scopes.join(" ")],
      ["refresh_token", ""],
    ],
  };
}

/**
 * Access token by GET, with Basic or without: what every registry with a token service offers, ACR included.
 *
 * @see distribution, "Token Authentication Specification"; ACR, Token-BasicAuth.md
 */
export function plainTokenRequest(
  realm: URL,
  service: string | undefined,
  scopes: readonly string[],
  identity: Extract<Identity, { kind: "basic" | "anonymous" }>,
): TokenRequest {
  return {
    url: realm,
    method: "GET",
    query: [
      ...(service === undefined ? [] : [["service", service] as const]),
      ...scopes.map((scope) => ["scope", scope] as const),
    ],
    ...(identity.kind === "basic" ? { authorization: basicAuthorization(identity) } : {}),
  };
}
