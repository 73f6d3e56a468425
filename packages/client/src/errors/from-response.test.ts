import { inspect } from "node:util";
import { createHttpHeaders, createPipelineRequest, isRestError, RestError } from "@azure/core-rest-pipeline";
import { describe, expect, test } from "vitest";
import type { CallDescription } from "../pipeline/call-context.ts";
import { errorFromResponse, parseErrors } from "./from-response.ts";
import {
  AccessDeniedError,
  ClientAuthenticationError,
  isRegistryError,
  RegistryError,
  ResourceLockedError,
  ResourceNotFoundError,
  ThrottledError,
  UnsupportedOperationError,
} from "./registry-error.ts";

const CALL: CallDescription = {
  operation: "deleteTag",
  registry: "registry.example",
  repository: "team/app",
  reference: "v1",
  metadataApi: true,
};

function errorOf(
  status: number,
  body: string,
  { headers = {}, call = CALL }: { headers?: Record<string, string>; call?: CallDescription } = {},
) {
  const request = createPipelineRequest({
    url: "https://registry.example/acr/v1/team/app/_tags/v1?_state=s3cret",
    headers: createHttpHeaders({ authorization: "Bearer s3cret" }),
    body: "s3cret",
  });
  return errorFromResponse(call, { request, status, headers: createHttpHeaders(headers) }, body);
}

const envelope = (...codes: readonly string[]) =>
  JSON.stringify({ errors: codes.map((code) => ({ code, message: `about ${code}` })) });
const V2: CallDescription = { ...CALL, operation: "getManifest", metadataApi: false };

describe("the kind", () => {
  test.each([
    [401, envelope("UNAUTHORIZED"), CALL, ClientAuthenticationError],
    [403, envelope("DENIED"), CALL, AccessDeniedError],
    [403, "<html>Forbidden</html>", CALL, AccessDeniedError],
    [404, envelope("TAG_UNKNOWN"), CALL, ResourceNotFoundError],
    [404, envelope("MANIFEST_UNKNOWN"), V2, ResourceNotFoundError],
    [404, "", V2, ResourceNotFoundError],
    [404, "404 page not found\n", CALL, UnsupportedOperationError],
    [405, envelope("REGISTRY_DISALLOWED_OPERATION"), CALL, ResourceLockedError],
    [405, envelope("OTHER", "REGISTRY_DISALLOWED_OPERATION"), CALL, ResourceLockedError],
    [405, envelope("UNSUPPORTED"), V2, UnsupportedOperationError],
    [405, "", V2, UnsupportedOperationError],
    [429, envelope("TOOMANYREQUESTS"), CALL, ThrottledError],
    [400, envelope("MANIFEST_INVALID"), V2, RegistryError],
    [409, "", CALL, RegistryError],
    [424, envelope("UNKNOWN"), V2, RegistryError],
    [500, envelope("UNKNOWN"), CALL, RegistryError],
    [504, "<html>Gateway Time-out</html>", CALL, RegistryError],
    [201, "", CALL, RegistryError],
  ])("of status %i with %s", (status, body, call, kind) => {
    const error = errorOf(status, body, { call });
    expect(error.constructor).toBe(kind);
    expect(error.name).toBe(kind.name);
    expect(error.statusCode).toBe(status);
  });

  test("is a RestError in each case, and told by the guards", () => {
    for (const status of [400, 401, 403, 404, 405, 429, 500]) {
      const error = errorOf(status, "");
      expect(error).toBeInstanceOf(RestError);
      expect(isRestError(error)).toBe(true);
      expect(isRegistryError(error)).toBe(true);
    }
    expect(isRegistryError(new RestError("x"))).toBe(false);
    expect(isRegistryError(undefined)).toBe(false);
  });
});

describe("the message", () => {
  test("says what was being done, to what, what went wrong, what to do, and what to quote", () => {
    const error = errorOf(404, '{"errors":[{"code":"TAG_UNKNOWN","message":"the specified tag does not exist"}]}', {
      headers: { "x-ms-correlation-request-id": "11111111-2222-3333-4444-555555555555" },
    });
    expect(error.message).toBe(
      "deleteTag of team/app:v1 at registry.example failed with status 404: TAG_UNKNOWN: the specified tag does not exist. " +
        "Check the tag; list the repository's tags to see what is there. (correlation id 11111111-2222-3333-4444-555555555555)",
    );
    expect(error.correlationId).toBe("11111111-2222-3333-4444-555555555555");
  });

  test("holds every entry", () => {
    const error = errorOf(400, envelope("MANIFEST_BLOB_UNKNOWN", "NAME_INVALID"), { call: V2 });
    expect(error.message).toContain(
      "MANIFEST_BLOB_UNKNOWN: about MANIFEST_BLOB_UNKNOWN; NAME_INVALID: about NAME_INVALID",
    );
    expect(error.code).toBe("MANIFEST_BLOB_UNKNOWN");
    expect(error.errors).toHaveLength(2);
  });

  test.each(["", "<html><body>504 Gateway Time-out</body></html>", "404 page not found\n", "{}", '{"errors":"none"}'])(
    "of an answer that gives no reason (%j) says that",
    (body) => {
      const error = errorOf(504, body, {
        call: { operation: "listRepositoryNames", registry: "registry.example", metadataApi: true },
      });
      expect(error.message).toBe(
        "listRepositoryNames at registry.example failed with status 504: the registry gave no reason.",
      );
      expect(error.errors).toEqual([]);
      expect(error.code).toBeUndefined();
    },
  );

  test("names a digest with an @", () => {
    expect(errorOf(404, "", { call: { ...V2, reference: "sha256:abc" } }).message).toContain(
      "getManifest of team/app@sha256:abc at",
    );
  });
});

describe("the hint", () => {
  test.each([
    ['Bearer realm="x",error="insufficient_scope"', /no permission for this/],
    ['Bearer realm="x"', /Check the credential/],
    ['Basic realm="Azure Container Registry"', /Check the credential/],
    [undefined, /no WWW-Authenticate/],
  ])("to a 401 with %s", (challenge, expected) => {
    const headers: Record<string, string> = challenge === undefined ? {} : { "www-authenticate": challenge };
    expect(errorOf(401, envelope("UNAUTHORIZED"), { headers }).hint).toMatch(expected);
  });

  test("to a refusal that explains nothing is what the caller knows", () => {
    expect(errorOf(401, "", { call: { ...CALL, refusalHint: "Check the audience." } }).hint).toBe(
      "Check the audience.",
    );
  });

  test("to a code that nobody knows is none", () => {
    expect(errorOf(400, envelope("SOMETHING_NEW")).hint).toBeUndefined();
    expect(errorOf(400, envelope("constructor")).hint).toBeUndefined();
  });
});

test("a throttled call tells for how long", () => {
  expect(errorOf(429, "", { headers: { "retry-after": "17" } }).retryAfterInMs).toBe(17_000);
  expect(errorOf(429, "").retryAfterInMs).toBeUndefined();
});

test("the request and the answer can be looked at, without what is secret", () => {
  const error = errorOf(400, envelope("NAME_INVALID"));
  expect(error.request?.url).toBe("https://registry.example/acr/v1/team/app/_tags/v1?_state=REDACTED");
  expect(error.request?.headers.get("authorization")).toBeUndefined();
  expect(error.request?.body).toBeUndefined();
  expect(error.response?.request).toEqual(error.request);
  expect(error.response?.bodyAsText).toBe(envelope("NAME_INVALID"));
});

describe("parseErrors", () => {
  test("keeps what an entry has", () => {
    const detail = [{ Type: "repository", Name: "a", Action: "pull" }];
    expect(parseErrors(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "m", detail }] }))).toEqual([
      { code: "UNAUTHORIZED", message: "m", detail },
    ]);
    expect(parseErrors('{"errors":[{"code":"A","message":"m","detail":null}]}')).toEqual([
      { code: "A", message: "m", detail: null },
    ]);
  });

  test.each(["null", "5", '"text"', "[]", '{"errors":{}}', '{"errors":[null,5,"a",{"message":"m"},{"code":5}]}'])(
    "finds none in %s",
    (body) => {
      expect(parseErrors(body)).toEqual([]);
    },
  );

  test("does without a message", () => {
    expect(parseErrors('{"errors":[{"code":"A"},{"code":"B","message":5}]}')).toEqual([
      { code: "A", message: "" },
      { code: "B", message: "" },
    ]);
  });
});

test("an error can be inspected whatever its detail holds, and read in full", () => {
  const detail = [{ url: "/not/absolute", kept: { url: "https://registry.example/absolute" } }];
  const error = errorOf(400, JSON.stringify({ errors: [{ code: "ODD", message: "", detail }] }));
  expect(inspect(error)).toContain("ODD");
  expect(error.errors[0]?.detail).toEqual(detail);
});

test("a signature that the answer repeats is not shown", () => {
  const signature = "c2lnbmF0dXJl+of/a/url==";
  const request = createPipelineRequest({
    url: `https://store.example/blob?sp=r&sig=${encodeURIComponent(signature)}`,
  });
  const body = JSON.stringify({ errors: [{ code: "ODD", message: `no ${request.url}`, detail: { signature } }] });
  const error = errorFromResponse(V2, { request, status: 403, headers: createHttpHeaders() }, body);
  for (const text of [error.message, JSON.stringify(error.errors), inspect(error), error.response?.bodyAsText]) {
    expect(text).not.toContain(signature);
    expect(text).not.toContain(encodeURIComponent(signature));
  }
});
