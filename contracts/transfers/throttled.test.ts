import { ContainerRegistryClient } from "@acrkit/client";
import { startEmulator } from "@acrkit/emulator";
import { digestOf } from "@acrkit/oci";
import { expect, it } from "vitest";
import { seededBytes } from "../content/seeded.ts";

const BLOBS = Array.from({ length: 60 }, (_, index) => seededBytes(`throttled ${index}`, 1 + index * 3_000));

it("many blobs at once get through to a registry that takes a few requests at a time", async () => {
  await using emulator = await startEmulator({ tls: false, maxConcurrentRequests: 4 });
  const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential);
  const uploaded = await Promise.all(BLOBS.map((bytes) => client.uploadBlob("throttled", bytes)));
  expect(uploaded.map(({ digest }) => digest)).toEqual(BLOBS.map((bytes) => digestOf(bytes)));
  const downloaded = await Promise.all(
    uploaded.map(async ({ digest }) => (await client.downloadBlob("throttled", digest)).bytes()),
  );
  expect(downloaded.map((bytes) => digestOf(bytes))).toEqual(uploaded.map(({ digest }) => digest));
  // It was too much for the registry at times, and the client has slowed down instead of hammering at it.
  const refused = emulator.requests.of({ status: 429 }).count;
  expect(refused).toBeGreaterThan(0);
  console.log(`throttled: ${refused} of ${emulator.requests.count} requests were refused`);
}, 120_000);
