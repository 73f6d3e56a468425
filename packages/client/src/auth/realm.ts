import { InvalidInputError } from "@acrkit/oci";

/**
 * True when tokens may be fetched from `realm` with a credential: it is the registry itself, or its user has named it.
 *
 * A hostile or broken registry could name any host as its realm and would be sent the password.
 */
export function isTrustedRealm(realm: URL, registry: URL, trustedOrigins: readonly string[]): boolean {
  return realm.origin === registry.origin || trustedOrigins.includes(realm.origin);
}

/**
 * The origin of an address as a user writes it, with a final slash or the usual port.
 *
 * @throws {InvalidInputError} it is no address, or more than an origin
 */
export function toTrustedOrigin(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin;
  throw new InvalidInputError("trusted token origin", text, "expected an origin such as https://auth.docker.io");
}
