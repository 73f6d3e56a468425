// The emulator in Node's own test runner: one for each test, closed when that ends.
//
//   node --test samples/testing/node-test.ts
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ContainerRegistryClient } from "@acrkit/client";
import { startEmulator } from "@acrkit/emulator";
import { publish, read } from "./publish.ts";

/** Each emulator has ports and a folder of its own, so tests can run side by side. */
async function startRegistry(t: TestContext) {
  const emulator = await startEmulator();
  t.after(() => emulator.close());
  const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
    tlsOptions: { ca: emulator.certificate },
  });
  return { emulator, client };
}

test("what was published can be read", async (t) => {
  const { client } = await startRegistry(t);
  await publish(client, "team/app", "v1", "hello");
  assert.equal(await read(client, "team/app", "v1"), "hello");
});

test("a registry that is busy is asked again", async (t) => {
  const { client, emulator } = await startRegistry(t);
  emulator.faults.add({ operation: "putManifest", times: 2, fault: { kind: "error", status: 429, retryAfter: 0 } });

  await publish(client, "team/app", "v1", "hello");

  emulator.requests.of({ status: 429 }).expectCount(2);
  emulator.requests.of({ operation: "putManifest", status: 201 }).expectCount(1);
});

test("what did not happen is told with what did", async (t) => {
  const { client, emulator } = await startRegistry(t);
  await publish(client, "team/app", "v1", "hello");

  assert.throws(
    () => emulator.requests.of({ operation: "deleteBlob" }).expectCount(1),
    /expected 1, but there were 0\n\nAll requests:\n.*PUT \/v2\/team\/app\/manifests\/v1 201 putManifest/s,
  );
});
