import { InvalidInputError } from "@acrkit/oci";

/**
 * The registry's address, as an origin without a path. `myregistry.azurecr.io` is short for `https://myregistry.azurecr.io`.
 *
 * Plain http is taken only for this machine's own addresses, or when `allowInsecureConnection` says that everyone on the
 * way may read what is sent; without a credential there is nothing to read but public content.
 *
 * @throws {InvalidInputError} not an address of a registry, or http with a credential to another machine
 */
export function parseEndpoint(
  text: string,
  options: { hasCredential: boolean; allowInsecureConnection: boolean },
): URL {
  const fail = (problem: string) => new InvalidInputError("endpoint", withoutUserInfo(text), problem);
  if (typeof text !== "string" || text.trim() === "") throw fail("expected https:// and the registry's login server");
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  } catch {
    throw fail("expected https:// and the registry's login server");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") throw fail("only https and http are spoken");
  if (url.username !== "" || url.password !== "")
    throw fail("credentials go into the second argument, not into the address");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw fail("expected the login server alone, without a path, query or repository name");
  }
  if (
    url.protocol === "http:" &&
    options.hasCredential &&
    !isLoopback(url.hostname) &&
    !options.allowInsecureConnection
  ) {
    throw fail("a credential would be sent unencrypted; use https, or set allowInsecureConnection if you accept that");
  }
  return new URL(url.origin);
}

/** `localhost` and its subdomains (RFC 6761), 127.0.0.0/8, ::1. */
export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    /^127(?:\.\d{1,3}){3}$/.test(hostname) ||
    hostname === "[::1]"
  );
}

/** Up to the last `@`: a password may hold `@` and `/`, and the address may lack its `https://`. */
function withoutUserInfo(text: unknown): unknown {
  return typeof text === "string" ? text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1…@") : text;
}
