import { InvalidInputError } from "@acrkit/oci";
import type { TokenCredential } from "@azure/core-auth";
import { createDefaultHttpClient } from "@azure/core-rest-pipeline";
import { audienceFor, isAcrHost } from "../audience.ts";
import { Identities } from "../auth/identity.ts";
import { isTrustedRealm, toTrustedOrigin } from "../auth/realm.ts";
import type { TokenEndpoint } from "../auth/token-endpoint.ts";
import { type ContainerRegistryClientOptions, toIdleTimeout } from "../client-options.ts";
import { composeTokenFlow } from "../compose.ts";
import { parseEndpoint } from "../endpoint.ts";
import { withHint } from "../errors/describe.ts";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { errorFromFailure } from "../errors/transport.ts";

/** Options of `exchangeRefreshToken`: those of a client that concern its requests. */
export interface ExchangeRefreshTokenOptions extends ContainerRegistryClientOptions {
  readonly abortSignal?: AbortSignal;
}

/**
 * Exchanges an Entra token for a refresh token of an Azure container registry, as `az acr login --expose-token` does. Docker
 * takes it for the password of the user `00000000-0000-0000-0000-000000000000`, for a little over three hours.
 *
 * One request to the registry, two to one that is not at `*.azurecr.io` and its like, which is asked first whether it has
 * tokens as ACR does; none when `tokenCache` has a token.
 *
 * @throws {ClientAuthenticationError} the credential gives no token, or the registry refuses it
 * @throws {TransportError} no answer came
 * @see ACR, AAD-OAuth.md, "Calling POST /oauth2/exchange"
 * @example
 * ```ts
 * import { exchangeRefreshToken } from "@acrkit/client";
 * import { DefaultAzureCredential } from "@azure/identity";
 * const refreshToken = await exchangeRefreshToken("https://myregistry.azurecr.io", new DefaultAzureCredential());
 * ```
 */
export async function exchangeRefreshToken(
  endpoint: string,
  credential: TokenCredential,
  options: ExchangeRefreshTokenOptions = {},
): Promise<string> {
  const registry = parseEndpoint(endpoint, {
    hasCredential: true,
    allowInsecureConnection: options.allowInsecureConnection ?? false,
  });
  const identity = new Identities(options.audience ?? audienceFor(registry.hostname)).of(credential);
  if (identity.kind !== "entra") throw new InvalidInputError("credential", "(not shown)", "expected a TokenCredential");
  const { endpoint: tokens, flow } = composeTokenFlow(registry, options, {
    httpClient: options.httpClient ?? createDefaultHttpClient(),
    idleTimeoutInMs: toIdleTimeout(options.idleTimeoutInMs),
  });
  const trusted = (options.trustedTokenOrigins ?? []).map(toTrustedOrigin);
  const abortSignal = options.abortSignal ?? new AbortController().signal;
  try {
    const service = isAcrHost(registry.hostname)
      ? registry.host
      : await serviceOf(tokens, registry, trusted, abortSignal);
    return await flow.fetchRefreshToken(identity, service, abortSignal);
  } catch (error) {
    throw errorFromFailure({ operation: "login", registry: registry.host, metadataApi: false }, error);
  }
}

/**
 * What the registry calls itself, when it is known by another name than those of Azure. It has to say that it gives out
 * tokens as ACR does: whoever mistypes an address must not send an Entra token, good for all their registries, to whoever
 * is there.
 */
async function serviceOf(
  tokens: TokenEndpoint,
  registry: URL,
  trusted: readonly string[],
  abortSignal: AbortSignal,
): Promise<string> {
  const scheme = await tokens.discover(abortSignal);
  if (scheme?.kind === "bearer" && isTrustedRealm(scheme.realm, registry, trusted)) {
    if (scheme.realm.pathname === "/oauth2/token") return scheme.service ?? registry.host;
  }
  const hint = "Only Azure Container Registry does: check the endpoint, or log in with { username, password }.";
  const from = scheme?.kind === "bearer" ? `fetches its tokens from ${scheme.realm.origin}` : "has no tokens";
  throw new ClientAuthenticationError(
    withHint(`login at ${registry.host} failed: the registry takes no tokens of Entra ID: it ${from}`, hint),
    { operation: "login", code: "UNAUTHORIZED", hint },
  );
}
