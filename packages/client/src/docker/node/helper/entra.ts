import type { TokenCredential } from "@azure/core-auth";
import { exchangeRefreshToken } from "../../exchange.ts";
import type { Environment } from "../../port.ts";
import type { AcrRegistry } from "./acr-registries.ts";

/** The authorities that Entra's discovery knows; it is asked about every other, and says that it does not know it. */
const KNOWN_AUTHORITIES =
  /^(?:login\.microsoftonline\.(?:com|us)|login\.partner\.microsoftonline\.cn|login\.chinacloudapi\.cn)$/;

/**
 * A refresh token of the registry for whoever `DefaultAzureCredential` finds.
 *
 * @throws when `@azure/identity` is not installed, finds nobody, or the registry refuses them
 */
export async function refreshTokenOf({ endpoint }: AcrRegistry, environment: Environment): Promise<string> {
  // A hundred calls in a row exchange one token.
  return exchangeRefreshToken(endpoint, await defaultCredential(environment), { tokenCache: true });
}

async function defaultCredential(environment: Environment): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import("@azure/identity").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new Error(
      "docker-credential-acrkit needs @azure/identity to log in with Entra ID: install it beside @acrkit/client (npm install @azure/identity, with -g where @acrkit/client was).",
    );
  });
  const authority = environment.AZURE_AUTHORITY_HOST;
  const isKnown = !authority || KNOWN_AUTHORITIES.test(URL.parse(authority)?.hostname ?? "");
  return new DefaultAzureCredential({ disableInstanceDiscovery: !isKnown });
}
