import { createHttpHeaders, createPipelineRequest } from "@azure/core-rest-pipeline";
import { expect, test } from "vitest";
import { answerWithoutSecrets, headersWithoutSecrets, urlWithoutSecrets, withoutSecrets } from "./redact.ts";

test("query values are masked unless they are known to be harmless", () => {
  expect(
    urlWithoutSecrets("https://user:password@r.example/v2/a?_state=s3cret&n=5&sig=s3cret&digest=sha256%3Aabc"),
  ).toBe("https://r.example/v2/a?_state=REDACTED&n=5&sig=REDACTED&digest=sha256%3Aabc");
});

test("a parameter that occurs twice is masked twice", () => {
  expect(urlWithoutSecrets("https://r.example/?sig=s3cret&sig=s3cret")).not.toContain("s3cret");
  expect(urlWithoutSecrets("https://r.example/callback#access_token=s3cret")).toBe(
    "https://r.example/callback#REDACTED",
  );
});

test("an error's request carries neither authorisation nor body", () => {
  const copy = withoutSecrets(
    createPipelineRequest({
      url: "https://r.example/oauth2/token?_state=s3cret",
      method: "POST",
      body: "refresh_token=s3cret",
      headers: createHttpHeaders({
        authorization: "Bearer s3cret",
        "proxy-authorization": "Basic s3cret",
        accept: "a/b",
      }),
      requestId: "id",
    }),
  );
  expect(copy).toMatchObject({ method: "POST", requestId: "id" });
  expect(copy.headers.get("accept")).toBe("a/b");
  expect(JSON.stringify({ ...copy, headers: copy.headers.toJSON() })).not.toContain("s3cret");
});

test("of what is no URL nothing is shown", () => {
  expect(urlWithoutSecrets("https://[s3cret")).toBe("REDACTED");
});

test("header values are masked unless they are known to be harmless", () => {
  const headers = createHttpHeaders({
    Authorization: "s3cret",
    Location: "s3cret",
    "Set-Cookie": "s3cret",
    ETag: '"abc"',
  });
  expect(headersWithoutSecrets(headers)).toEqual({
    authorization: "REDACTED",
    location: "REDACTED",
    "set-cookie": "REDACTED",
    etag: '"abc"',
  });
});

test("an error's answer carries neither its stream nor a signed location", () => {
  const request = createPipelineRequest({ url: "https://r.example/v2/" });
  const copy = answerWithoutSecrets(
    {
      request,
      status: 307,
      headers: createHttpHeaders({ location: "/data?sig=s3cret", "content-type": "text/html" }),
      readableStreamBody: process.stdin,
    },
    "the text",
  );
  expect(copy).toMatchObject({ status: 307, bodyAsText: "the text" });
  expect(copy).not.toHaveProperty("readableStreamBody");
  expect(copy.headers.toJSON()).toEqual({
    location: "https://r.example/data?sig=REDACTED",
    "content-type": "text/html",
  });
});
