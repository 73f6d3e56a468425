import type { Entra } from "../auth/entra.ts";
import { bytesAnswer, textAnswer } from "../protocol/answers.ts";
import type { EmulatorRequest, EmulatorResponse, Handler } from "../protocol/message.ts";
import { readTokenRequest } from "../protocol/token-request.ts";
import { shown } from "./client-authentication.ts";
import { entraAnswer } from "./entra-answer.ts";
import { EntraFailure, entraFailureAnswer } from "./entra-failure.ts";
import { instanceDiscovery, keySet, openIdConfiguration } from "./metadata.ts";
import { issueToken } from "./token.ts";

/** What the stand-in for Entra ID consists of. */
export interface EntraContext {
  readonly entra: Entra;
  /** The emulator's clock. */
  readonly now: () => number;
  /** How this request's client reaches it: `https://localhost:54322`. */
  origin(request: EmulatorRequest): string;
}

interface Visit extends EntraContext {
  readonly request: EmulatorRequest;
  /** As the path has it: the tenant's id, or `common`. */
  readonly tenant: string;
}

type Answering = (visit: Visit) => Promise<unknown>;

const version1 = (visit: Visit) => answerTokenRequest(visit, "v1");
const version2 = (visit: Visit) => answerTokenRequest(visit, "v2");

/** By method and by what follows the tenant in the path. */
const ROUTES: Readonly<Record<string, Answering | undefined>> = {
  "GET v2.0/.well-known/openid-configuration": async (visit) => configuration(visit, "v2"),
  "GET .well-known/openid-configuration": async (visit) => configuration(visit, "v1"),
  "GET discovery/instance": async ({ request, tenant, origin }) => instanceDiscovery(origin(request), tenant),
  "GET discovery/v2.0/keys": ({ entra }) => keySet(entra),
  "GET discovery/keys": ({ entra }) => keySet(entra),
  "POST oauth2/v2.0/token": version2,
  "POST oauth2/token": version1,
};

/** Entra ID's host: metadata, keys and the token endpoint, of one tenant. It never throws. */
export function createEntraHandler(context: EntraContext): Handler {
  return async (request) => {
    const [, tenant = "", rest = ""] = /^\/([^/]+)\/(.*)$/.exec(request.path) ?? [];
    const route = `${request.method} ${rest}`;
    const answering = Object.hasOwn(ROUTES, route) ? ROUTES[route] : undefined;
    if (answering === undefined) return notFound();
    try {
      assertTenant(context.entra, tenant);
      return entraAnswer(200, await answering({ ...context, request, tenant }));
    } catch (error) {
      if (error instanceof EntraFailure) return entraFailureAnswer(request, error, context.now());
      return { ...bytesAnswer(500, "text/plain", new Uint8Array()), failure: error };
    }
  };
}

function configuration({ request, tenant, origin }: Visit, version: "v1" | "v2") {
  return openIdConfiguration(origin(request), tenant, version);
}

async function answerTokenRequest({ entra, now, request, tenant, origin }: Visit, version: "v1" | "v2") {
  // What cannot be read has no parameter either.
  const form = (await readTokenRequest(request)) ?? new URLSearchParams();
  const { tenantId } = entra.directory;
  const audiences = [...new Set([tenant, tenantId])].flatMap((name) => {
    const base = `${origin(request)}/${name}`;
    return [`${base}/oauth2/v2.0/token`, `${base}/oauth2/token`, `${base}/v2.0`, `${base}/`];
  });
  return issueToken(entra, form, version, { nowSeconds: Math.floor(now() / 1000), audiences });
}

/** Names that stand for whichever tenant the application is in; here there is only one. */
const ANY_TENANT = new Set(["common", "organizations"]);

function assertTenant({ directory }: Entra, tenant: string): void {
  if (ANY_TENANT.has(tenant) || tenant.toLowerCase() === directory.tenantId) return;
  throw new EntraFailure(
    90002,
    `Tenant '${shown(tenant)}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}

function notFound(): EmulatorResponse {
  return textAnswer(404, "text/plain; charset=utf-8", "not found\n");
}
