import type { Scope } from "@acrkit/oci";
import { permissionNames } from "../auth/actions.ts";
import { type Bearer, parseBasic } from "../auth/authenticator.ts";
import { actionsAnywhere, permit } from "../auth/permissions.ts";
import type { RegistryContext } from "./context.ts";
import { errorBody, failure, type RegistryFailure } from "./failure.ts";
import type { EmulatorRequest, EmulatorResponse } from "./message.ts";
import { withQuarantineActions } from "./quarantine.ts";
import { grantAnonymous } from "./token-grants.ts";
import { readScopes, readTokenRequest } from "./token-request.ts";
import { malformedTokenRequest, TOKEN_REFUSED, UNKNOWN_USER, unreadableUser } from "./unseen.ts";

type TokenHandler = (context: RegistryContext, request: EmulatorRequest) => Promise<EmulatorResponse>;

/** 2.3 `POST /oauth2/exchange`: a token of Entra ID becomes a refresh token. */
export const exchange: TokenHandler = async (context, request) => {
  const { entra, roles, tokens } = context;
  const form = await readTokenRequest(request);
  const grantType = form?.get("grant_type");
  if (form === undefined || (grantType !== "access_token" && grantType !== "access_token_refresh_token")) {
    return malformed();
  }
  const identity = await entra.identify(form.get("access_token") ?? "");
  const permissions = roles.permissionsOf(identity?.objectId ?? "");
  if (identity === undefined || permissions.length === 0) return refused("retrieving permissions failed");
  const owner = {
    subject: identity.objectId,
    clientId: identity.clientId,
    permissions: permissionNames(actionsAnywhere(permissions)),
    isAbac: roles.mode === "rbac-abac",
  };
  return tokenAnswer({ refresh_token: await tokens.refreshToken(context.loginServer(request), owner) });
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
  const bearer = await context.authenticator.readRefreshToken(host, parameters.get("refresh_token") ?? "");
  return bearer === undefined ? refused(TOKEN_REFUSED) : grantedToken(context, host, bearer, scopes);
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
  context: RegistryContext,
  request: EmulatorRequest,
  username: string,
  password: string,
  asked: readonly Scope[],
): Promise<EmulatorResponse> {
  const host = context.loginServer(request);
  const login = await context.authenticator.login(host, username, password);
  if (login.kind === "unreadable-user") return tokenFailure(unreadableUser());
  if (login.kind === "wrong-password") return refused(login.knownUser ? TOKEN_REFUSED : UNKNOWN_USER);
  // An access token in the place of the password gives no more than it has: it comes back as it was.
  if (login.kind === "scopes") return tokenAnswer({ access_token: password });
  return grantedToken(context, host, login.bearer, asked);
}

/** Whatever of the wish is allowed, even if that is nothing: the refusal comes with the operation. */
async function grantedToken(
  { tokens, roles, quarantine }: RegistryContext,
  host: string,
  { subject, permissions }: Bearer,
  asked: readonly Scope[],
): Promise<EmulatorResponse> {
  // 2.5: registries with ABAC ignore `repository:*:*`.
  const granted = permit(permissions, quarantine ? withQuarantineActions(asked) : asked, {
    wildcards: roles.mode !== "rbac-abac",
  });
  return tokenAnswer({ access_token: await tokens.accessToken(host, subject, granted) });
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
  return tokenFailure(failure("UNAUTHORIZED", { message }));
}

function malformed(): EmulatorResponse {
  return tokenFailure(malformedTokenRequest());
}

/** 1.3: this service's errors have no charset, no final newline and no challenge. */
function tokenFailure({ status, entries }: RegistryFailure): EmulatorResponse {
  const body = Buffer.from(JSON.stringify(errorBody(entries)));
  return {
    status,
    headers: [
      ["Content-Type", "application/json"],
      ["Content-Length", String(body.byteLength)],
    ],
    body,
  };
}
