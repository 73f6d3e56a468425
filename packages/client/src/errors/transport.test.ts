import { AbortError } from "@azure/abort-controller";
import { RestError } from "@azure/core-rest-pipeline";
import { expect, test } from "vitest";
import { isRegistryError, RegistryError, TransportError, UnexpectedResponseError } from "./registry-error.ts";
import { errorFromFailure } from "./transport.ts";

const CALL = {
  operation: "getManifest",
  registry: "registry.example",
  repository: "app",
  reference: "v1",
  metadataApi: false,
};
const withCode = (code: string) => Object.assign(new Error("it broke"), { code });

test.each([
  "ECONNRESET",
  "ENOTFOUND",
  "ERR_STREAM_PREMATURE_CLOSE",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "EPROTO",
  "HPE_INVALID_CONSTANT",
  "IDLE_TIMEOUT",
])("%s is a TransportError that says what was being done", (code) => {
  const failure = withCode(code);
  const error = errorFromFailure(CALL, failure) as TransportError;
  expect(error).toBeInstanceOf(TransportError);
  expect(error).toMatchObject({
    code,
    operation: "getManifest",
    repository: "app",
    cause: failure,
    statusCode: undefined,
  });
  expect(error.message).toBe(
    `getManifest of app:v1 at registry.example failed: it broke.${error.hint === undefined ? "" : ` ${error.hint}`}`,
  );
  expect(isRegistryError(error)).toBe(true);
});

test.each(["TOO_MANY_REDIRECTS", "INVALID_REDIRECT"])("%s is the registry's fault", (code) => {
  expect(errorFromFailure(CALL, new RestError("redirected", { code }))).toBeInstanceOf(UnexpectedResponseError);
});

test("a RestError without a code gets one", () => {
  expect(errorFromFailure(CALL, new RestError("x"))).toMatchObject({ code: "REQUEST_SEND_ERROR" });
});

test.each([
  ["SELF_SIGNED_CERT_IN_CHAIN", /tlsOptions\.ca/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /tlsOptions\.ca/],
  ["CERT_HAS_EXPIRED", /has expired/],
  ["ERR_TLS_CERT_ALTNAME_INVALID", /another name/],
  ["ENOTFOUND", /registry's name/],
  ["ECONNREFUSED", /Nothing listens/],
  ["EPROTO", /does not speak TLS/],
])("%s comes with what helps against it", (code, hint) => {
  expect(errorFromFailure(CALL, withCode(code))).toMatchObject({
    hint: expect.stringMatching(hint),
    message: expect.stringMatching(hint),
  });
});

test.each([
  new AbortError("aborted"),
  new RegistryError("known already", { operation: "x" }),
  new TypeError("a bug"),
  Object.assign(new Error("not logged in"), { name: "CredentialUnavailableError" }),
  "a text",
  undefined,
])("%o comes out as it is", (failure) => {
  expect(errorFromFailure(CALL, failure)).toBe(failure);
});
