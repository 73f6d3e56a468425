// The emulator of a measurement, a process of its own: what it costs must not count for the client.
import { type EmulatorOptions, startEmulator } from "@acrkit/emulator";
import { seededTag } from "./registries/running-registry.ts";
import type { SeededTags, StartedServer, StorageDetour } from "./running-server.ts";

const emulator = await startEmulator(JSON.parse(process.argv[2] ?? "{}") as EmulatorOptions);
const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
const { endpoint, certificate, admin, storageEndpoint } = emulator;
if (admin === undefined) throw new Error("command-line tools log in as the admin user, so there has to be one");
const started: StartedServer = { access: { endpoint, certificate, token, admin }, storageEndpoint };
process.send?.(started);

// skopeo remembers where it has seen a blob, and would mount that of the round before instead of sending it.
emulator.intercept((request, next) =>
  request.query.has("mount") ? next({ ...request, query: new URLSearchParams() }) : next(request),
);

process.on("message", (message: "count" | SeededTags | StorageDetour) => {
  if (message === "count") {
    process.send?.({ requests: emulator.requests.entries.length });
    emulator.requests.clear();
  } else if ("storagePort" in message) {
    redirectStorage(message);
    process.send?.("redirected");
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

/** The link's signature covers its path and its life, not the port. */
function redirectStorage({ storagePort }: StorageDetour): void {
  const own = `:${new URL(storageEndpoint).port}/`;
  emulator.intercept(async (request, next) => {
    const answer = await next(request);
    if (request.origin !== "registry" || answer.status !== 307) return answer;
    const headers = answer.headers.map(
      ([name, value]) =>
        [name, name.toLowerCase() === "location" ? value.replace(own, `:${storagePort}/`) : value] as const,
    );
    return { ...answer, headers };
  });
}
