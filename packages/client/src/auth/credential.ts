import { InvalidInputError } from "@acrkit/oci";
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

/** The same, told apart. */
export type Identity =
  | { readonly kind: "entra"; readonly credential: TokenCredential; readonly audience: string }
  | ({ readonly kind: "basic" } & BasicCredential)
  | ({ readonly kind: "refreshToken" } & RefreshTokenCredential)
  | { readonly kind: "anonymous" };

/** @throws {InvalidInputError} the value is no credential; it is not shown */
export function toIdentity(credential: RegistryCredential | undefined, audience: string): Identity {
  if (credential === undefined) return { kind: "anonymous" };
  if (isTokenCredential(credential)) return { kind: "entra", credential, audience };
  const { username, password, refreshToken } = (credential ?? {}) as Partial<BasicCredential & RefreshTokenCredential>;
  if (typeof refreshToken === "string" && refreshToken !== "") return { kind: "refreshToken", refreshToken };
  if (typeof username === "string" && username !== "" && typeof password === "string") {
    // ACR answers a user name that ends in a newline with status 500 (fluxcd/source-controller#193).
    if (/[\r\n:]/.test(username))
      throw new InvalidInputError("credential", "(not shown)", "a user name holds no colon and no line break");
    return { kind: "basic", username, password };
  }
  throw new InvalidInputError(
    "credential",
    "(not shown)",
    "expected a TokenCredential, { username, password } or { refreshToken }",
  );
}

/** True for what the second argument of the client can be when it is no credential but options. */
export function isRegistryCredential(value: object): value is RegistryCredential {
  return isTokenCredential(value) || "username" in value || "password" in value || "refreshToken" in value;
}

/** @see RFC 7617; UTF-8, as registries read it */
export function basicAuthorization({ username, password }: BasicCredential): string {
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}
