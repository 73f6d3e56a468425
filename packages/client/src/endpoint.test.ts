import { InvalidInputError } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { isLoopback, parseEndpoint } from "./endpoint.ts";

const ANONYMOUS = { hasCredential: false, allowInsecureConnection: false };
const WITH_CREDENTIAL = { hasCredential: true, allowInsecureConnection: false };

describe("parseEndpoint", () => {
  test.each([
    ["https://myregistry.azurecr.io", "https://myregistry.azurecr.io"],
    ["https://myregistry.azurecr.io/", "https://myregistry.azurecr.io"],
    ["HTTPS://MyRegistry.azurecr.io", "https://myregistry.azurecr.io"],
    ["myregistry.azurecr.io", "https://myregistry.azurecr.io"],
    ["https://myregistry.azurecr.io:443", "https://myregistry.azurecr.io"],
    ["localhost:5000", "https://localhost:5000"],
    ["http://localhost:5000", "http://localhost:5000"],
    ["https://[::1]:5000", "https://[::1]:5000"],
  ])("takes %s", (text, origin) => {
    expect(parseEndpoint(text, WITH_CREDENTIAL).origin).toBe(origin);
  });

  test.each([
    ["", "expected https://"],
    ["   ", "expected https://"],
    ["https://", "expected https://"],
    ["https://exa mple.com", "expected https://"],
    ["https://registry:port", "expected https://"],
    ["ftp://myregistry.azurecr.io", "only https and http"],
    ["file:///etc/passwd", "only https and http"],
    ["https://myregistry.azurecr.io/team/app", "login server alone"],
    ["myregistry.azurecr.io/team/app:v1", "login server alone"],
    ["https://myregistry.azurecr.io/?api-version=1", "login server alone"],
    ["https://myregistry.azurecr.io/#top", "login server alone"],
    ["https://user@myregistry.azurecr.io", "second argument"],
  ])("refuses %j", (text, problem) => {
    const parse = () => parseEndpoint(text, ANONYMOUS);
    expect(parse).toThrow(InvalidInputError);
    expect(parse).toThrow(problem);
  });

  test.each([undefined, null, 5, {}, new URL("https://myregistry.azurecr.io")])(
    "refuses %o, which is no text",
    (value) => {
      expect(() => parseEndpoint(value as never, ANONYMOUS)).toThrow(InvalidInputError);
    },
  );

  test.each([
    "https://user:s3cret@myregistry.azurecr.io",
    "user:s3cret@myregistry.azurecr.io",
    "https://user:s3cret/with/slashes@myregistry.azurecr.io",
    "https://us@er:s3cret@myregistry.azurecr.io",
    "https://user:s3cret@bad host",
    "ftp://user:s3cret@myregistry.azurecr.io",
  ])("does not repeat the password of %s", (text) => {
    expect(() => parseEndpoint(text, ANONYMOUS)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining("s3cret") }),
    );
    expect(() => parseEndpoint(text, ANONYMOUS)).toThrow(
      expect.not.objectContaining({ input: expect.stringContaining("s3cret") }),
    );
  });

  test("refuses to send a credential over http to another machine", () => {
    expect(() => parseEndpoint("http://registry.example", WITH_CREDENTIAL)).toThrow(/unencrypted/);
    expect(() => parseEndpoint("http://127.0.0.1.example", WITH_CREDENTIAL)).toThrow(/unencrypted/);
  });

  test.each([
    "http://localhost:5000",
    "http://127.0.0.1:5000",
    "http://127.1.2.3",
    "http://[::1]",
    "http://acr.localhost",
  ])("takes %s with a credential: nobody listens on the way", (text) => {
    expect(parseEndpoint(text, WITH_CREDENTIAL).origin).toBe(text);
  });

  test("takes http with a credential when the caller accepts that", () => {
    const options = { hasCredential: true, allowInsecureConnection: true };
    expect(parseEndpoint("http://registry.example", options).origin).toBe("http://registry.example");
  });

  test("takes http without a credential: there is nothing to read but public content", () => {
    expect(parseEndpoint("http://registry.example", ANONYMOUS).origin).toBe("http://registry.example");
  });
});

test.each([
  ["localhost", true],
  ["a.localhost", true],
  ["127.0.0.1", true],
  ["[::1]", true],
  ["localhost.example", false],
  ["notlocalhost", false],
  ["128.0.0.1", false],
  ["0.0.0.0", false],
])("isLoopback(%s) is %s", (hostname, expected) => {
  expect(isLoopback(hostname)).toBe(expected);
});
