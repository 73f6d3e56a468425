import { isTokenCredential, type TokenCredential } from "@azure/core-auth";

/** Admin user, service principal (`username` is its client id), repository token, or any registry's user. */
export interface BasicCredential {
  readonly username: string;
  readonly password: string;
}

/** A refresh token that ACR gave to somebody who exchanged an Entra token (`az acr login --expose-token`). */
export interface RefreshTokenCredential {
  readonly refreshToken: string;
}

/** Everything that logs in. Nothing at all is anonymous. */
export type RegistryCredential = TokenCredential | BasicCredential | RefreshTokenCredential;

/** What a {@link CredentialFunction} is asked. */
export interface CredentialRequest {
  /** The registry's host, with its port where it is not the usual one: `myregistry.azurecr.io`. */
  readonly registry: string;
  /** The repositories that the scopes name, sorted; none for what concerns the registry, such as listing repositories. */
  readonly repositories: readonly string[];
  /** What is going to be done, as scopes of the token flow: `repository:team/app:pull`. */
  readonly scopes: readonly string[];
  /** For whom Entra ID issues tokens that this registry takes: `https://containerregistry.azure.net`. */
  readonly audience: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly abortSignal?: AbortSignal;
}

/**
 * Gives the credential for a registry, or undefined for "none of mine": a chain then goes on with its next link, and a
 * client whose only credential this is goes on without any.
 *
 * It is asked once for each set of repositories, not for each request: its answer holds for as long as the first token that
 * was had with it, five minutes at a registry without tokens. It is asked anew when the registry refuses the answer, or
 * refuses it something that `scopes` did not name yet: pulling may be for everyone, and pushing for somebody.
 */
export type CredentialFunction = (
  request: CredentialRequest,
) => RegistryCredential | undefined | Promise<RegistryCredential | undefined>;

/** True for what the second argument of the client can be when it is no credential but options. */
export function isRegistryCredential(value: object): value is RegistryCredential {
  return isTokenCredential(value) || "username" in value || "password" in value || "refreshToken" in value;
}

/** @see RFC 7617; UTF-8, as registries read it */
export function basicAuthorization({ username, password }: BasicCredential): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
