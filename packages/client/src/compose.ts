import { createDefaultHttpClient, type Pipeline } from "@azure/core-rest-pipeline";
import { audienceFor } from "./audience.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { authorizePolicy } from "./auth/authorize-policy.ts";
import { type RegistryCredential, toIdentity } from "./auth/credential.ts";
import { toTrustedOrigin } from "./auth/realm.ts";
import { TokenEndpoint } from "./auth/token-endpoint.ts";
import { type ContainerRegistryClientOptions, toIdleTimeout } from "./client-options.ts";
import { parseEndpoint } from "./endpoint.ts";
import { createBackOff } from "./pipeline/back-off.ts";
import { createRegistryPipeline } from "./pipeline/pipeline.ts";
import { RegistryConnection } from "./registry/connection.ts";
import { TransferBudget } from "./transfer/budget.ts";

/** What a client is made of. */
export interface ClientParts {
  readonly connection: RegistryConnection;
  readonly budget: TransferBudget;
  readonly pipeline: Pipeline;
}

/** The parts of a client, wired together: the only place where they meet. */
export function composeClient(
  endpoint: string,
  credential: RegistryCredential | undefined,
  options: ContainerRegistryClientOptions,
): ClientParts {
  const registry = parseEndpoint(endpoint, {
    hasCredential: credential !== undefined,
    allowInsecureConnection: options.allowInsecureConnection ?? false,
  });
  const httpClient = options.httpClient ?? createDefaultHttpClient();
  const idleTimeoutInMs = toIdleTimeout(options.idleTimeoutInMs);
  const authenticator = new Authenticator({
    registry,
    identity: toIdentity(credential, options.audience ?? audienceFor(registry.hostname)),
    endpoint: new TokenEndpoint({
      pipeline: createRegistryPipeline(options),
      httpClient,
      registry,
      idleTimeoutInMs,
      anonymous: credential === undefined,
    }),
    trustedTokenOrigins: (options.trustedTokenOrigins ?? []).map(toTrustedOrigin),
    now: Date.now,
  });
  const pipeline = createRegistryPipeline(options, authorizePolicy(authenticator, registry));
  const backOff = createBackOff(options.retryOptions);
  const connection = new RegistryConnection({ endpoint: registry, pipeline, httpClient, idleTimeoutInMs, backOff });
  return { connection, budget: new TransferBudget(), pipeline };
}
