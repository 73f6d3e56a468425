// The emulator of a measurement, a process of its own: what it costs must not count for the client.
import { type EmulatorOptions, startEmulator } from "@acrkit/emulator";
import { seededTag } from "./registries/running-registry.ts";
import type { SeededTags } from "./running-server.ts";

const emulator = await startEmulator(JSON.parse(process.argv[2] ?? "{}") as EmulatorOptions);
const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
process.send?.({ endpoint: emulator.endpoint, certificate: emulator.certificate, token });

process.on("message", (message: "count" | SeededTags) => {
  if (message === "count") {
    process.send?.({ requests: emulator.requests.entries.length });
    emulator.requests.clear();
  } else {
    seedTags(message);
    process.send?.("seeded");
  }
});
process.on("disconnect", async () => {
  await emulator.close();
  process.exit();
});

function seedTags({ repository, digest, count }: SeededTags): void {
  const { store, clock } = emulator;
  const attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
  store.transaction(() => {
    for (let index = 0; index < count; index++) {
      const time = new Date(clock.now()).toISOString();
      store.tags.put(repository, {
        name: seededTag(index),
        digest,
        createdTime: time,
        lastUpdateTime: time,
        attributes,
      });
    }
  });
}
