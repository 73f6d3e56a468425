import {
  isCovered,
  isRepositoryName,
  matchOperation,
  type OperationMatch,
  type OperationName,
  operationScopes,
} from "@acrkit/oci";
import { textAnswer } from "./answers.ts";
import { challenge } from "./challenge.ts";
import { withRegistryHeaders, withRequestIds, withTokenHeaders, withUnroutedHeaders } from "./common-headers.ts";
import type { RegistryContext } from "./context.ts";
import { failure, failureAnswer, RegistryFailure } from "./failure.ts";
import type { EmulatorRequest, EmulatorResponse, Handler } from "./message.ts";
import { HANDLERS } from "./operations.ts";
import { exchange, token } from "./tokens.ts";
import { methodNotAllowed } from "./unseen.ts";

/** Everything the registry's host answers: `/v2`, `/acr/v1`, `/oauth2`. It never throws. */
export function createRegistryHandler(context: RegistryContext): Handler {
  return async (request) => {
    const tokenEndpoint = TOKEN_ENDPOINTS[`${request.method} ${request.path}`];
    if (tokenEndpoint !== undefined) {
      return withTokenHeaders(await orFailure(() => tokenEndpoint(context, request)));
    }
    const match = matchOperation(request.method, request.path);
    if (match === undefined) return withUnroutedHeaders(notFound());
    if ("allowed" in match) return withRegistryHeaders(await methodAnswer(context, request, match.allowed));
    return withRegistryHeaders(await operationAnswer(context, request, match));
  };
}

const TOKEN_ENDPOINTS: Readonly<Record<string, typeof token | undefined>> = {
  // Only by POST: GET answers 404 like a path that does not exist (1.1).
  "POST /oauth2/exchange": exchange,
  "POST /oauth2/token": token,
  "GET /oauth2/token": token,
};

/** 1.1: before authentication, in plain text. */
function notFound(): EmulatorResponse {
  return textAnswer(404, "text/plain; charset=utf-8", "404 page not found\n");
}

/** Clients probe `/v2/` with HEAD as well; elsewhere a method that the path does not have is refused. */
async function methodAnswer(context: RegistryContext, request: EmulatorRequest, allowed: readonly string[]) {
  const get = request.method === "HEAD" ? matchOperation("GET", request.path) : undefined;
  if (get !== undefined && "operation" in get && get.operation.name === "checkApi") {
    return operationAnswer(context, request, get);
  }
  return failureAnswer(methodNotAllowed(allowed));
}

async function operationAnswer(
  context: RegistryContext,
  request: EmulatorRequest,
  match: OperationMatch,
): Promise<EmulatorResponse> {
  const host = context.loginServer(request);
  const refusal = await authorize(context, request, host, match);
  if (refusal !== undefined) return failureAnswer(refusal);
  const call = { ...context, request, parameters: match.parameters, host };
  return withRequestIds(request, await orFailure(() => HANDLERS[match.operation.name](call)));
}

/** Chapter 2.1, 2.2: undefined when the call may go on. A missing permission is 401 as well, never 403. */
async function authorize(
  context: RegistryContext,
  request: EmulatorRequest,
  host: string,
  { operation, parameters }: OperationMatch,
): Promise<RegistryFailure | undefined> {
  const wanted = operationScopes(operation.name, parameters.name, mountSource(request, operation.name));
  const authentication = await context.authenticator.authenticate(host, request.headers.authorization);
  const isReached =
    authentication.kind === "granted" && wanted.every((scope) => isCovered(scope, authentication.scopes));
  return isReached ? undefined : challenge(context, host, wanted, authentication);
}

/** The repository a blob is mounted from (5.1), which the token must reach as well. */
function mountSource({ query }: EmulatorRequest, operation: OperationName): string | undefined {
  const from = query.get("from") ?? "";
  return operation === "startUpload" && query.has("mount") && isRepositoryName(from) ? from : undefined;
}

/** Turns what is thrown into an answer: a failure of the protocol into its own, anything else into a 500. */
async function orFailure(work: () => EmulatorResponse | Promise<EmulatorResponse>): Promise<EmulatorResponse> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RegistryFailure) return failureAnswer(error);
    return { ...failureAnswer(failure("UNKNOWN")), failure: error };
  }
}
