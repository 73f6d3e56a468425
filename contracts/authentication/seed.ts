import type { Emulator } from "@acrkit/emulator";

/** Gives the registry empty repositories of these names, without a request. */
export function seedRepositories(emulator: Emulator, names: readonly string[]): void {
  for (const name of names) {
    emulator.store.repositories.put({
      name,
      createdTime: "2023-01-01T00:00:00Z",
      lastUpdateTime: "2023-01-01T00:00:00Z",
      attributes: { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
    });
  }
}

/** What was sent to the registry since the log was cleared, in order: `POST /oauth2/token`. */
export function linesOf(emulator: Emulator): string[] {
  return emulator.requests.entries
    .filter(({ origin }) => origin !== "entra")
    .map(({ method, path }) => `${method} ${path}`);
}
