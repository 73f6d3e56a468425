import { formatScopes, isCovered, matchOperation, operationScopes, parseScopes, type Scope } from "@acrkit/oci";
import {
  type Answer,
  isLogin,
  refusal,
  type ScriptedAnswer,
  ScriptedRegistry,
  type SeenRequest,
} from "./scripted-registry.ts";

export const HOST = "registry.example.azurecr.io";
export const ORIGIN = `https://${HOST}`;

/** Lifetimes as ACR has them, protocol 2.6. */
export const REFRESH_TOKEN_SECONDS = 11_700;
export const ACCESS_TOKEN_SECONDS = 4_500;

export interface AcrOptions {
  /** The clock of the service, in milliseconds; the tokens' `iat`. */
  readonly now?: () => number;
  readonly accessTokenSeconds?: number;
  readonly refreshTokenSeconds?: number;
  /** Answers in place of a step of the flow; undefined lets it take its course. */
  readonly login?: (request: SeenRequest) => ScriptedAnswer | Promise<ScriptedAnswer> | undefined;
  /** Grants these scopes whatever is asked for, as ACR does for those without the permission. */
  readonly grants?: readonly Scope[];
  /** True for a token that was revoked, though it has not expired. */
  readonly isRevoked?: (token: string) => boolean;
}

/**
 * A registry that logs callers in as ACR does (protocol, chapter 2) and hands what carries a sufficient token to `answer`,
 * whose `index` counts those calls. Challenges name the actions in reverse order, as ACR does at times.
 */
export function acrRegistry(answer: Answer, options: AcrOptions = {}): ScriptedRegistry {
  let issued = 0;
  let calls = 0;
  const now = options.now ?? (() => 1_700_000_000_000);
  const isRevoked = options.isRevoked ?? (() => false);

  return new ScriptedRegistry((request) => {
    if (!isLogin(request)) return guarded(request);
    return options.login?.(request) ?? login(request);
  });

  function login(request: SeenRequest): ScriptedAnswer {
    const line = `${request.method} ${request.url.pathname}`;
    const form = new URLSearchParams(Buffer.from(request.body).toString());
    if (line === "GET /v2/") return challenge("");
    if (line === "POST /oauth2/exchange") {
      return { status: 200, body: { refresh_token: token({ grant_type: "refresh_token" }, refreshLife()) } };
    }
    if (line === "POST /oauth2/token") {
      if (isRevoked(form.get("refresh_token") ?? "")) return refusal(401, "UNAUTHORIZED", "authentication required");
      return { status: 200, body: { access_token: accessToken(form.get("scope") ?? "") } };
    }
    if (line === "GET /oauth2/token") {
      return { status: 200, body: { access_token: accessToken(request.url.searchParams.getAll("scope").join(" ")) } };
    }
    throw new Error(`unexpected request ${line}`);
  }

  function accessToken(scope: string): string {
    const granted = options.grants === undefined ? scope : formatScopes(options.grants);
    return token({ grant_type: "access_token", scope: granted }, options.accessTokenSeconds ?? ACCESS_TOKEN_SECONDS);
  }

  function refreshLife(): number {
    return options.refreshTokenSeconds ?? REFRESH_TOKEN_SECONDS;
  }

  function token(claims: object, lifeInSeconds: number): string {
    const iat = Math.floor(now() / 1000);
    return unsignedJwt({ ...claims, jti: `token-${++issued}`, iat, exp: iat + lifeInSeconds });
  }

  function guarded(request: SeenRequest): ScriptedAnswer | Promise<ScriptedAnswer> {
    const wanted = scopesOf(request);
    const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (bearer === undefined) return challenge(challengeScope(wanted));
    if (isRevoked(bearer)) return challenge(challengeScope(wanted), "invalid_token");
    const granted = parseScopes(String(claimsOf(bearer).scope));
    if (!wanted.every((scope) => isCovered(scope, granted)))
      return challenge(challengeScope(wanted), "insufficient_scope");
    return answer(request, calls++);
  }
}

/** The 401 of protocol 2.1. */
export function challenge(scope: string, error?: string, host = HOST): ScriptedAnswer {
  const parameters = [
    `realm="https://${host}/oauth2/token"`,
    `service="${host}"`,
    ...(scope === "" ? [] : [`scope="${scope}"`]),
    ...(error === undefined ? [] : [`error="${error}"`]),
  ];
  return refusal(
    401,
    "UNAUTHORIZED",
    "authentication required, visit https://aka.ms/acr/authorization for more information.",
    { headers: { "www-authenticate": `Bearer ${parameters.join(",")}` } },
  );
}

export function unsignedJwt(claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(claims)}.c2lnbmF0dXJl`;
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

function scopesOf({ method, url }: SeenRequest): readonly Scope[] {
  const match = matchOperation(method, url.pathname);
  if (match === undefined || !("operation" in match)) throw new Error(`unexpected request ${method} ${url.pathname}`);
  return operationScopes(match.operation.name, match.parameters.name, url.searchParams.get("from") ?? undefined);
}

function challengeScope(scopes: readonly Scope[]): string {
  return scopes.map(({ type, name, actions }) => `${type}:${name}:${[...actions].reverse().join(",")}`).join(" ");
}
