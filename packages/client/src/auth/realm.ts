/**
 * True when tokens may be fetched from `realm` with a credential: it is the registry itself, or its user has named it.
 *
 * A hostile or broken registry could name any host as its realm and would be sent the password.
 */
export function isTrustedRealm(realm: URL, registry: URL, trustedOrigins: readonly string[]): boolean {
  return realm.origin === registry.origin || trustedOrigins.includes(realm.origin);
}
