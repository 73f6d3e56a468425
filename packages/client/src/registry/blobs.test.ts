import { expect, test } from "vitest";
import { AccessDeniedError } from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { HELLO_DIGEST } from "../testing/content.ts";
import { openRegistry, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const exists = (answer: ScriptedAnswer) => clientOf(openRegistry(() => answer)).blobExists("app", HELLO_DIGEST);

test("a blob exists when a HEAD finds it, of whatever size", async () => {
  const registry = openRegistry(() => ({ status: 200, headers: { "content-length": "2479" } }));
  expect(await clientOf(registry).blobExists("team/app", HELLO_DIGEST)).toBe(true);
  expect(registry.callLines).toEqual([`HEAD /v2/team/app/blobs/${HELLO_DIGEST}`]);
  expect(await exists({ status: 200, headers: { "content-length": "0" } })).toBe(true);
  expect(await exists({ status: 200, headers: { "content-length": "?" } })).toBe(true);
});

test("it does not when the answer is 404, which has no body to say more", async () => {
  expect(await exists({ status: 404 })).toBe(false);
});

test("any other answer is an error", async () => {
  await failureOf(exists({ status: 403 }), AccessDeniedError);
});
