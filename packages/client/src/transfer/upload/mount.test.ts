import { describe, expect, test } from "vitest";
import { ResourceNotFoundError, UnexpectedResponseError } from "../../errors/registry-error.ts";
import { clientOf, failureOf } from "../../testing/client.ts";
import { HELLO_DIGEST } from "../../testing/content.ts";
import { inOrder, openRegistry, refusal, type ScriptedAnswer } from "../../testing/scripted-registry.ts";
import { failOnUnhandled } from "../../testing/unhandled.ts";

failOnUnhandled();

const mount = (...answers: readonly ScriptedAnswer[]) => {
  const registry = openRegistry(inOrder(...answers));
  return { registry, result: clientOf(registry).mountBlob("team/app", HELLO_DIGEST, "base") };
};
const LINE = `POST /v2/team/app/blobs/uploads/?mount=${encodeURIComponent(HELLO_DIGEST)}&from=base`;

describe("a mount", () => {
  test("that the registry does takes one request", async () => {
    const { registry, result } = mount({ status: 201, headers: { location: `/v2/team/app/blobs/${HELLO_DIGEST}` } });
    expect(await result).toBe(true);
    expect(registry.callLines).toEqual([LINE]);
  });

  test("that it does not do opens an upload, which is cancelled", async () => {
    const { registry, result } = mount(
      { status: 202, headers: { location: "/v2/team/app/blobs/uploads/uuid?_state=x" } },
      { status: 204 },
    );
    expect(await result).toBe(false);
    expect(registry.callLines).toEqual([LINE, "DELETE /v2/team/app/blobs/uploads/uuid?_state=x"]);
  });

  test("is false even when the upload cannot be cancelled", async () => {
    const { result } = mount(
      { status: 202, headers: { location: "/v2/team/app/blobs/uploads/uuid" } },
      refusal(500, "UNKNOWN", "x"),
    );
    expect(await result).toBe(false);
  });

  test("that opens an upload elsewhere is refused", async () => {
    const { registry, result } = mount({ status: 202, headers: { location: "https://evil.example/" } });
    await failureOf(result, UnexpectedResponseError);
    expect(registry.calls).toHaveLength(1);
  });

  test("that fails names the blob", async () => {
    const { result } = mount(refusal(404, "NAME_UNKNOWN", "repository name not known to registry"));
    const error = await failureOf(result, ResourceNotFoundError);
    expect(error).toMatchObject({ operation: "mountBlob", repository: "team/app" });
    expect(error.message).toContain(HELLO_DIGEST);
  });
});
