import type { Scope } from "@acrkit/oci";
import { parseBasic } from "../auth/authenticator.ts";
import type { RegistryContext } from "./context.ts";
import type { EmulatorRequest, EmulatorResponse } from "./message.ts";
import { grantAnonymous } from "./token-grants.ts";
import { readScopes, readTokenRequest } from "./token-request.ts";
import { MALFORMED_TOKEN_REQUEST, TOKEN_REFUSED, UNKNOWN_USER } from "./unseen.ts";

type TokenHandler = (context: RegistryContext, request: EmulatorRequest) => Promise<EmulatorResponse>;

/** 2.3 `POST /oauth2/exchange`: a token of Entra ID becomes a refresh token. */
export const exchange: TokenHandler = async (context, request) => {
  const form = await readTokenRequest(request);
  const grantType = form?.get("grant_type");
  if (form === undefined || (grantType !== "access_token" && grantType !== "access_token_refresh_token")) {
    return malformed();
  }
  const bearer = await context.entra.identify(form.get("access_token") ?? "");
  if (bearer === undefined) return refused("retrieving permissions failed");
  return tokenAnswer({ refresh_token: await context.tokens.refreshToken(context.loginServer(request), bearer) });
};

/** 2.3 to 2.5 `POST /oauth2/token`, and `GET` with Basic. */
export const token: TokenHandler = async (context, request) => {
  const parameters = await readTokenRequest(request);
  const scopes = parameters === undefined ? undefined : readScopes(parameters);
  if (parameters === undefined || scopes === undefined) return malformed();
  if (request.method === "GET") return withBasic(context, request, scopes);
  const grantType = parameters.get("grant_type");
  if (grantType === "refresh_token") return withRefreshToken(context, request, parameters, scopes);
  if (grantType === "password") return withPassword(context, request, parameters, scopes);
  return malformed();
};

const withRefreshToken = async (
  context: RegistryContext,
  request: EmulatorRequest,
  parameters: URLSearchParams,
  scopes: readonly Scope[],
) => {
  const host = context.loginServer(request);
  const read = await context.tokens.readRefreshToken(host, parameters.get("refresh_token") ?? "");
  if (read.kind === "invalid") return refused(TOKEN_REFUSED);
  return tokenAnswer({ access_token: await context.tokens.accessToken(host, read.value, scopes) });
};

/** Without a user name it is the anonymous flow (2.4). */
const withPassword = (
  context: RegistryContext,
  request: EmulatorRequest,
  parameters: URLSearchParams,
  scopes: readonly Scope[],
) => {
  const username = parameters.get("username") ?? "";
  if (username === "") return anonymous(context, request, scopes);
  return withLogin(context, request, username, parameters.get("password") ?? "", scopes);
};

const withBasic = (context: RegistryContext, request: EmulatorRequest, scopes: readonly Scope[]) => {
  const { authorization } = request.headers;
  if (authorization === undefined) return anonymous(context, request, scopes);
  const basic = parseBasic(authorization);
  if (basic === undefined) return refused(TOKEN_REFUSED);
  return withLogin(context, request, basic.username, basic.password, scopes);
};

async function withLogin(
  { authenticator, tokens, ...context }: RegistryContext,
  request: EmulatorRequest,
  username: string,
  password: string,
  asked: readonly Scope[],
): Promise<EmulatorResponse> {
  const host = context.loginServer(request);
  const login = await authenticator.login(host, username, password);
  if (login.kind === "wrong-password") return refused(login.knownUser ? TOKEN_REFUSED : UNKNOWN_USER);
  // An access token in the place of the password gives no more than it has: it comes back as it was.
  if (login.kind === "scopes") return tokenAnswer({ access_token: password });
  return tokenAnswer({ access_token: await tokens.accessToken(host, login.bearer, asked) });
}

async function anonymous(
  { anonymousPull, tokens, ...context }: RegistryContext,
  request: EmulatorRequest,
  asked: readonly Scope[],
): Promise<EmulatorResponse> {
  // What a registry without anonymous pull answers was never seen (2.4).
  if (!anonymousPull) return refused(TOKEN_REFUSED);
  return tokenAnswer({
    access_token: await tokens.anonymousToken(context.loginServer(request), grantAnonymous(asked)),
  });
}

/** 1.2, 2.3: nothing but the token, and in chunks. */
function tokenAnswer(body: unknown): EmulatorResponse {
  return {
    status: 200,
    headers: [
      ["Content-Type", "application/json; charset=utf-8"],
      ["Transfer-Encoding", "chunked"],
    ],
    body: Buffer.from(JSON.stringify(body)),
  };
}

function refused(message: string): EmulatorResponse {
  return tokenFailure(401, "UNAUTHORIZED", message);
}

function malformed(): EmulatorResponse {
  const { status, code, message } = MALFORMED_TOKEN_REQUEST;
  return tokenFailure(status, code, message);
}

/** 1.3: this service's errors have no charset, no final newline and no challenge. */
function tokenFailure(status: number, code: string, message: string): EmulatorResponse {
  const body = Buffer.from(JSON.stringify({ errors: [{ code, message }] }));
  return {
    status,
    headers: [
      ["Content-Type", "application/json"],
      ["Content-Length", String(body.byteLength)],
    ],
    body,
  };
}
