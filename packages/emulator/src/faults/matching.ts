import { matchOperation, type OperationName } from "@acrkit/oci";
import type { EmulatorRequest } from "../protocol/message.ts";
import type { FaultMatcher, FaultRule } from "./fault.ts";

/** A request and what rules ask of it. */
export interface Addressed {
  readonly request: EmulatorRequest;
  /** Without escapes; as it was sent where they cannot be read. */
  readonly path: string;
  readonly operation: OperationName | undefined;
  readonly repository: string | undefined;
}

/** Looks once what every rule will ask. */
export function addressOf(request: EmulatorRequest): Addressed {
  const match = request.origin === "registry" ? matchOperation(request.method, request.path) : undefined;
  const found = match !== undefined && "operation" in match ? match : undefined;
  return {
    request,
    path: decoded(request.path),
    operation: found?.operation.name,
    repository: found?.parameters.name,
  };
}

/** Whether a rule is about this request, and its fault can be done to it. */
export function isMatch(rule: FaultRule, addressed: Addressed): boolean {
  return isMatchFor(rule, addressed) && isPossible(rule, addressed);
}

function isMatchFor(matcher: FaultMatcher, { request, path, operation, repository }: Addressed): boolean {
  const { operation: operations, origin, method, repository: repositories, path: paths } = matcher;
  return (
    (operations === undefined || (operation !== undefined && isOneOf(operations, operation))) &&
    (origin === undefined || isOneOf(origin, request.origin)) &&
    (method === undefined || isOneOf(upperCase(method), request.method)) &&
    (repositories === undefined || (repository !== undefined && followsPattern(repositories, repository))) &&
    (paths === undefined || followsPattern(paths, path))
  );
}

/** So that `times: 1` is not used up by a request to which nothing could happen. */
function isPossible({ fault }: FaultRule, { request, path }: Addressed): boolean {
  switch (fault.kind) {
    case "slow-request":
    case "corrupt-request":
      return hasBody(request);
    case "cut-request":
      return fault.after === undefined || fault.after === 0 || hasBody(request);
    case "slow-response":
    case "cut-response":
    case "corrupt-response":
    case "truncate-response":
      return request.method !== "HEAD";
    case "expire-url":
      return request.origin === "storage" && request.query.has("se");
    case "expire-token":
      return (
        /^bearer /i.test(request.headers.authorization ?? "") ||
        (request.method === "POST" && /^\/oauth2\/(?:token|exchange)$/.test(path))
      );
    default:
      return true;
  }
}

function hasBody({ headers }: EmulatorRequest): boolean {
  return (headers["content-length"] ?? "0") !== "0" || headers["transfer-encoding"] !== undefined;
}

function isOneOf(wanted: string | readonly string[], value: string): boolean {
  return typeof wanted === "string" ? wanted === value : wanted.includes(value);
}

function upperCase(method: string | readonly string[]): readonly string[] {
  return [method].flat().map((name) => name.toUpperCase());
}

/** `*` is anything but a slash, `**` anything. */
function followsPattern(pattern: string, value: string): boolean {
  const source = pattern
    .split(/(\*\*?)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[^\w/-]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`, "s").test(value);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
