import type { BasicCredential, RefreshTokenCredential } from "../auth/credential.ts";
import { claimsOf } from "../auth/token-claims.ts";
import { invalid, members } from "./config.ts";

/** What is stored for a registry. */
export type StoredCredential = BasicCredential | RefreshTokenCredential;

/**
 * The user under whose name an ACR refresh token stands for a password.
 *
 * @see ACR, AAD-OAuth.md; `az acr login --expose-token`
 */
export const ACR_TOKEN_USER = "00000000-0000-0000-0000-000000000000";

/** A name and its secret, as files and helpers have them. An ACR access token is a password only. */
export function toStoredCredential(username: string, secret: string): StoredCredential {
  const isRefreshToken = username === ACR_TOKEN_USER && claimsOf(secret)?.grant_type !== "access_token";
  return isRefreshToken ? { refreshToken: secret } : { username, password: secret };
}

export function fromStoredCredential(credential: StoredCredential): BasicCredential {
  return "refreshToken" in credential
    ? { username: ACR_TOKEN_USER, password: credential.refreshToken }
    : { username: credential.username, password: credential.password };
}

/**
 * Reads an entry of `auths`. Undefined when it holds nothing: docker leaves `{}` behind for what is in a helper.
 *
 * `identitytoken` is an OAuth refresh token, and comes before a password. `registrytoken`, a token for the registry itself
 * that no tool writes into a file, is not used.
 *
 * @throws {DockerConfigError} it is no such entry; what it holds is not shown
 * @see docker/cli, `cli/config/types/authconfig.go` and `decodeAuth` in `cli/config/configfile/file.go`
 */
export function readAuthEntry(source: string, key: string, value: unknown): StoredCredential | undefined {
  const name = `auths["${key}"]`;
  const entry = members(source, name, value);
  const text = (member: string): string => {
    const found = entry[member] ?? "";
    if (typeof found !== "string") throw invalid(source, `${member} of ${name} is not a text`);
    return found;
  };
  const identityToken = text("identitytoken");
  if (identityToken !== "") return { refreshToken: identityToken };
  const auth = text("auth");
  if (auth !== "") return decodeAuth(source, name, auth);
  const [username, password] = [text("username"), text("password")];
  return username === "" || password === "" ? undefined : toStoredCredential(username, password);
}

/** In base64, as every tool reads it, podman included, which knows no `identitytoken` without it. */
export function writeAuthEntry(credential: StoredCredential): { readonly auth: string } {
  const { username, password } = fromStoredCredential(credential);
  const bytes = new TextEncoder().encode(`${username}:${password}`);
  return { auth: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")) };
}

function decodeAuth(source: string, name: string, auth: string): StoredCredential {
  const text = fromBase64(auth);
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon <= 0) {
    throw invalid(source, `auth of ${name} is not "user:password" in base64`);
  }
  // Old dockers padded passwords with zeros.
  return toStoredCredential(text.slice(0, colon), text.slice(colon + 1).replace(/^\0+|\0+$/g, ""));
}

function fromBase64(text: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
