import {
  isRepositoryName,
  matchOperation,
  type OperationMatch,
  type OperationName,
  operationScopes,
} from "@acrkit/oci";
import { QuotaExceededError } from "../storage/errors.ts";
import { textAnswer } from "./answers.ts";
import type { Call, OperationHandler } from "./call.ts";
import { challenge } from "./challenge.ts";
import { withRegistryHeaders, withRequestIds, withTokenHeaders, withUnroutedHeaders } from "./common-headers.ts";
import type { RegistryContext } from "./context.ts";
import { failure, failureAnswer, RegistryFailure } from "./failure.ts";
import { malformedPush } from "./malformed-reference.ts";
import type { EmulatorRequest, EmulatorResponse, Handler } from "./message.ts";
import { HANDLERS } from "./operations.ts";
import { exchange, token } from "./tokens.ts";
import { RequestTooLarge, tooLargeAnswer } from "./too-large.ts";
import { malformedReference, methodNotAllowed } from "./unseen.ts";

/** Everything the registry's host answers: `/v2`, `/acr/v1`, `/oauth2`. It never throws. */
export function createRegistryHandler(context: RegistryContext): Handler {
  return async (request) => {
    const tokenEndpoint = TOKEN_ENDPOINTS[`${request.method} ${request.path}`];
    if (tokenEndpoint !== undefined) {
      return withTokenHeaders(await orFailure(() => tokenEndpoint(context, request)));
    }
    const match = matchOperation(request.method, request.path);
    if (match === undefined) {
      const push = malformedPush(request);
      if (push === undefined) return withUnroutedHeaders(notFound());
      return withRegistryHeaders(await operationAnswer(context, request, push, refuseReference));
    }
    if ("allowed" in match) return withRegistryHeaders(await methodAnswer(context, request, match.allowed));
    return withRegistryHeaders(await operationAnswer(context, request, match));
  };
}

const refuseReference: OperationHandler = () => {
  throw malformedReference();
};

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
  handler: OperationHandler = HANDLERS[match.operation.name],
): Promise<EmulatorResponse> {
  const host = context.loginServer(request);
  let isAuthorized = false;
  const answer = await orFailure(async () => {
    const reaches = await authorize(context, request, host, match);
    isAuthorized = true;
    return handler({ ...context, request, parameters: match.parameters, host, reaches });
  });
  return isAuthorized ? withRequestIds(request, answer) : answer;
}

/** Chapter 2.1, 2.2: a missing permission is 401 as well, never 403. @throws {RegistryFailure} the call may not go on */
async function authorize(
  context: RegistryContext,
  request: EmulatorRequest,
  host: string,
  { operation, parameters }: OperationMatch,
): Promise<Call["reaches"]> {
  const wanted = operationScopes(operation.name, parameters.name, mountSource(request, operation.name));
  const authentication = await context.authenticator.authenticate(host, request.headers.authorization);
  if (authentication.kind !== "granted" || !wanted.every((scope) => authentication.reaches(scope))) {
    throw challenge(context, host, wanted, authentication);
  }
  return (scope) => authentication.reaches(scope);
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
    if (error instanceof RequestTooLarge) return tooLargeAnswer();
    // Chapter 6: "the same code is used when the storage limit is reached".
    if (error instanceof QuotaExceededError) {
      return failureAnswer(failure("REGISTRY_DISALLOWED_OPERATION", { detail: {} }));
    }
    return { ...failureAnswer(failure("UNKNOWN")), failure: error };
  }
}
