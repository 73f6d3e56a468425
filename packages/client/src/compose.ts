import { createDefaultHttpClient, type HttpClient, type Pipeline } from "@azure/core-rest-pipeline";
import { runtime } from "#runtime";
import { audienceFor, isAcrHost } from "./audience.ts";
import { Authenticator } from "./auth/authenticator.ts";
import { authorizePolicy } from "./auth/authorize-policy.ts";
import { ClockSkew } from "./auth/clock-skew.ts";
import { type ClientCredential, CredentialSource } from "./auth/credential-source.ts";
import { toTrustedOrigin } from "./auth/realm.ts";
import { createRefreshTokenStore } from "./auth/refresh-token-store.ts";
import { type RegistryKind, RegistryScheme } from "./auth/registry-scheme.ts";
import { TokenEndpoint } from "./auth/token-endpoint.ts";
import { TokenFlow } from "./auth/token-flow.ts";
import {
  type ContainerRegistryClientOptions,
  toIdleTimeout,
  toTokenFolder,
  toTransferLimits,
} from "./client-options.ts";
import { isLoopback, parseEndpoint } from "./endpoint.ts";
import { createBackOff } from "./pipeline/back-off.ts";
import { Pace } from "./pipeline/pace.ts";
import { pacePolicy } from "./pipeline/pace-policy.ts";
import { createRegistryPipeline } from "./pipeline/pipeline.ts";
import { RegistryConnection } from "./registry/connection.ts";
import { TransferBudget } from "./transfer/budget.ts";

/** What a client is made of. */
export interface ClientParts {
  readonly connection: RegistryConnection;
  readonly budget: TransferBudget;
  readonly pipeline: Pipeline;
}

/** A single download may have so many requests on their way, however few transfers are allowed at a time. */
const MIN_REQUESTS = 8;

/** The parts of a client, wired together: the only place where they meet. */
export function composeClient(
  endpoint: string,
  credential: ClientCredential,
  options: ContainerRegistryClientOptions,
): ClientParts {
  const registry = parseEndpoint(endpoint, {
    hasCredential: credential !== undefined,
    allowInsecureConnection: options.allowInsecureConnection ?? false,
  });
  const httpClient = options.httpClient ?? createDefaultHttpClient();
  const idleTimeoutInMs = toIdleTimeout(options.idleTimeoutInMs);
  const limits = toTransferLimits(options.transfers);
  const authenticator = composeAuthenticator(registry, credential, options, { httpClient, idleTimeoutInMs });
  const pace = new Pace(Math.max(MIN_REQUESTS, limits.maxUploads, limits.maxDownloads));
  const pipeline = createRegistryPipeline(options, {
    authorize: authorizePolicy(authenticator, registry),
    pace: pacePolicy(pace, registry),
  });
  const backOff = createBackOff(options.retryOptions);
  const connection = new RegistryConnection({ endpoint: registry, pipeline, httpClient, idleTimeoutInMs, backOff });
  return { connection, budget: new TransferBudget(limits, pace), pipeline };
}

function composeAuthenticator(
  registry: URL,
  credential: ClientCredential,
  options: ContainerRegistryClientOptions,
  transport: { readonly httpClient: HttpClient; readonly idleTimeoutInMs: number },
): Authenticator {
  const { hostname } = registry;
  const now = Date.now;
  const { endpoint, flow, clockSkew } = composeTokenFlow(registry, options, transport);
  return new Authenticator({
    registry,
    scheme: new RegistryScheme(registry, kindOf(hostname), endpoint),
    source: new CredentialSource({
      credential,
      registry: registry.host,
      audience: options.audience ?? audienceFor(hostname),
      now,
    }),
    flow,
    clockSkew,
    anonymousFirst: options.anonymousFirst ?? false,
    now,
  });
}

/** What fetches tokens, for a client and for whoever wants no more than a token. */
export function composeTokenFlow(
  registry: URL,
  options: ContainerRegistryClientOptions,
  { httpClient, idleTimeoutInMs }: { readonly httpClient: HttpClient; readonly idleTimeoutInMs: number },
): { readonly endpoint: TokenEndpoint; readonly flow: TokenFlow; readonly clockSkew: ClockSkew } {
  const clockSkew = new ClockSkew();
  const endpoint = new TokenEndpoint({
    pipeline: createRegistryPipeline(options),
    httpClient,
    registry,
    idleTimeoutInMs,
    clockSkew,
  });
  const folder = toTokenFolder(options.tokenCache);
  const flow = new TokenFlow({
    registry,
    endpoint,
    trustedTokenOrigins: (options.trustedTokenOrigins ?? []).map(toTrustedOrigin),
    clockSkew,
    now: Date.now,
    store: folder && createRefreshTokenStore(registry, () => runtime.openSecretFolder(folder.path)),
  });
  return { endpoint, flow, clockSkew };
}

function kindOf(hostname: string): RegistryKind {
  if (isAcrHost(hostname)) return "acr";
  return isLoopback(hostname) ? "maybeAcr" : "other";
}
