import type { Scope } from "@acrkit/oci";
import { decodeJwt, type JWTPayload } from "jose";

/** What a token says of itself; undefined for one that is no JWT. Not verified: that is for whoever takes the token. */
export function claimsOf(token: string): JWTPayload | undefined {
  try {
    return decodeJwt(token);
  } catch {
    return undefined; // registries may hand out opaque tokens
  }
}

/**
 * What an access token allows, by its `access` claim; undefined when it does not say. ACR's anonymous tokens write the
 * members with capitals.
 *
 * @see distribution, "Token Authentication Implementation"
 */
export function grantedScopes(token: string): readonly Scope[] | undefined {
  const access = claimsOf(token)?.access;
  if (!Array.isArray(access)) return undefined;
  return access.flatMap((entry: unknown) => {
    const members = Object.entries(typeof entry === "object" && entry !== null ? entry : {});
    const { type, name, actions } = Object.fromEntries(members.map(([key, value]) => [key.toLowerCase(), value]));
    if (typeof type !== "string" || typeof name !== "string" || !Array.isArray(actions)) return [];
    return [{ type, name, actions: actions.filter((action) => typeof action === "string") }];
  });
}

/** Who an Entra token was issued to. */
export interface EntraOwner {
  readonly tenant: string;
  readonly object: string;
  /** The application through which they act; without it where the token does not say. */
  readonly application: string | undefined;
}

/** Undefined when the token does not say it: it may then be anybody's. */
export function entraOwner(entraToken: string): EntraOwner | undefined {
  const { tid, oid, appid, azp } = claimsOf(entraToken) ?? {};
  if (typeof tid !== "string" || typeof oid !== "string" || tid === "" || oid === "") return undefined;
  const application = [appid, azp].find((value) => typeof value === "string");
  return { tenant: tid, object: oid, application: application as string | undefined };
}
