import { digestOf } from "@acrkit/oci";
import { expect, it } from "vitest";
import { testRegistry } from "../testing/in-process.ts";

const scope = "repository:app:pull,push";

// Chapter 6: the code of a lock "is also used when the storage limit is reached"; status, text and detail are logged for
// locks (azure-sdk-for-net#22827).
const REFUSAL = {
  errors: [
    {
      code: "REGISTRY_DISALLOWED_OPERATION",
      message:
        "The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation",
      detail: {},
    },
  ],
};

it("a push beyond the quota is refused as the service does, whatever it is, and pulls go on", async () => {
  await using test = await testRegistry({ quotaBytes: 2000 });
  await test.pushImage("app", "v1", { layer: "x".repeat(500) });
  const start = async () => (await test.send("POST", "/v2/app/blobs/uploads/", { scope })).header("Location") ?? "";
  const body = "y".repeat(2000);
  for (const way of ["PATCH", "PUT"]) {
    const location = await start();
    const target = way === "PATCH" ? location : `${location}&digest=${digestOf(Buffer.from(body))}`;
    const answer = await test.send(way, target, { scope, body });
    expect([answer.status, answer.json]).toEqual([405, REFUSAL]);
    // What it took is free again.
    expect((await test.send("GET", location, { scope })).status).toBe(404);
  }
  const manifest = {
    headers: {
      "content-type": "application/vnd.oci.image.manifest.v1+json",
      accept: "application/vnd.oci.image.manifest.v1+json",
    },
    scope,
  };
  const stored = await test.send("GET", "/v2/app/manifests/v1", manifest);
  const padded = JSON.stringify({ ...stored.json, annotations: { padding: body } });
  const answer = await test.send("PUT", "/v2/app/manifests/v2", { ...manifest, body: padded });
  expect([answer.status, answer.json]).toEqual([405, REFUSAL]);
  expect((await test.send("GET", "/v2/app/manifests/v2", manifest)).status).toBe(404);

  // What is there already takes no room: mounted, pushed once more, tagged anew.
  const digest = digestOf(Buffer.from("x".repeat(500)));
  const mounting = { scope: `${scope} repository:other:pull,push` };
  const mounted = await test.send("POST", `/v2/other/blobs/uploads/?mount=${digest}&from=app`, mounting);
  expect(mounted.status).toBe(201);
  expect((await test.send("PUT", "/v2/app/manifests/again", { ...manifest, body: stored.text })).status).toBe(201);
  expect(test.registry.context.store.usage().sizeInBytes).toBeLessThanOrEqual(2000);
});
