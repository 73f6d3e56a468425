import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { textAnswer } from "./protocol/answers.ts";
import type { EmulatorResponse } from "./protocol/message.ts";
import type { Store } from "./storage/store.ts";

/** Not a path of the service, which answers 404 to it; probes of container platforms ask for it. */
const PATH = "/healthz";

/**
 * Answers `GET /healthz`: 200 `ok` while the registry can read and write its data folder, else 503 and why not. Undefined for
 * everything else.
 */
export function healthCheck(
  folder: string,
  store: Store,
): (method: string, url: string) => Promise<EmulatorResponse> | undefined {
  return (method, url) => {
    if (url !== PATH || (method !== "GET" && method !== "HEAD")) return undefined;
    return check(folder, store);
  };
}

async function check(folder: string, store: Store): Promise<EmulatorResponse> {
  try {
    store.transaction(() => store.repositories.list({ limit: 1 }));
    // Reading alone would not show a disk that is full, or has become read-only.
    await writeFile(join(folder, ".healthz"), "ok\n");
    return textAnswer(200, "text/plain; charset=utf-8", "ok\n");
  } catch (error) {
    return textAnswer(503, "text/plain; charset=utf-8", `${error instanceof Error ? error.message : String(error)}\n`);
  }
}
