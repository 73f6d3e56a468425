import { describe, expect, test } from "vitest";
import type { ContainerRegistryClient } from "../container-registry-client.ts";
import {
  RegistryError,
  ResourceLockedError,
  UnexpectedResponseError,
  UnsupportedOperationError,
} from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { HELLO_DIGEST } from "../testing/content.ts";
import { openRegistry, refusal } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

const DELETES: [string, (client: ContainerRegistryClient) => Promise<unknown>, string, string][] = [
  ["deleteRepository", (client) => client.deleteRepository("team/app"), "NAME_UNKNOWN", "/acr/v1/team/app"],
  ["deleteTag", (client) => client.deleteTag("team/app", "v1"), "TAG_UNKNOWN", "/acr/v1/team/app/_tags/v1"],
  [
    "deleteManifest",
    (client) => client.deleteManifest("team/app", HELLO_DIGEST),
    "MANIFEST_UNKNOWN",
    `/v2/team/app/manifests/${HELLO_DIGEST}`,
  ],
  [
    "deleteBlob",
    (client) => client.deleteBlob("team/app", HELLO_DIGEST),
    "BLOB_UNKNOWN",
    `/v2/team/app/blobs/${HELLO_DIGEST}`,
  ],
];

describe.each(DELETES)("%s", (method, call, code, path) => {
  test("succeeds with status 202", async () => {
    const body = method === "deleteRepository" ? { manifestsDeleted: null, tagsDeleted: null } : "";
    const registry = openRegistry(() => ({ status: 202, body }));
    await call(clientOf(registry));
    expect(registry.callLines).toEqual([`DELETE ${path}`]);
  });

  test("does not take a page for a success", async () => {
    const page = { status: 200, body: "<html>Please log in</html>" };
    await failureOf(call(clientOf(openRegistry(() => page))), UnexpectedResponseError);
  });

  test("of what is not there succeeds", async () => {
    const registry = openRegistry(() => refusal(404, code, "gone"));
    await call(clientOf(registry));
    expect(registry.calls).toHaveLength(1);
  });

  test.each([
    ["an HTML page", "<html>404</html>"],
    ["plain text", "404 page not found\n"],
    ["no body", ""],
    ["other JSON", { message: "no such service" }],
    ["an envelope without entries", { errors: [] }],
  ])("does not take a 404 with %s for success", async (_, body) => {
    await failureOf(call(clientOf(openRegistry(() => ({ status: 404, body })))), RegistryError);
  });

  test("of what is locked says so", async () => {
    const registry = openRegistry(() => refusal(405, "REGISTRY_DISALLOWED_OPERATION", "disallowed", { detail: {} }));
    const error = await failureOf(call(clientOf(registry)), ResourceLockedError);
    expect(error).toMatchObject({ operation: method, statusCode: 405 });
    expect(error.hint).toMatch(/canDelete/);
  });

  test("that the registry does not offer is another error", async () => {
    await failureOf(
      call(clientOf(openRegistry(() => refusal(405, "UNSUPPORTED", "unsupported")))),
      UnsupportedOperationError,
    );
  });
});
