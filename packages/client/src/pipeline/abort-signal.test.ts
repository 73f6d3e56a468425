import type { AbortSignalLike } from "@azure/abort-controller";
import { expect, test } from "vitest";
import { abortOf, clientOf } from "../testing/client.ts";
import { never, openRegistry } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";
import { toAbortSignal } from "./abort-signal.ts";

failOnUnhandled();

/** A signal of another make than the platform's, as Azure Core allows. */
function foreignSignal() {
  let listener = () => {};
  const signal = {
    aborted: false,
    addEventListener: (_: string, added: () => void) => {
      listener = added;
    },
    removeEventListener: () => {},
  };
  const abort = () => {
    signal.aborted = true;
    listener();
  };
  return { signal: signal as unknown as AbortSignalLike, abort };
}

test("a real signal is used as it is", () => {
  const { signal } = new AbortController();
  expect(toAbortSignal(signal)).toBe(signal);
  expect(toAbortSignal(undefined)).toBeUndefined();
});

test("another kind of signal is followed", () => {
  const { signal, abort } = foreignSignal();
  const real = toAbortSignal(signal);
  expect(real?.aborted).toBe(false);
  abort();
  expect(real?.aborted).toBe(true);
  expect(toAbortSignal(signal)?.aborted).toBe(true);
});

test.each(["real", "foreign"])("a call is aborted by a %s signal", async (kind) => {
  const controller = new AbortController();
  const { signal, abort } =
    kind === "real" ? { signal: controller.signal, abort: () => controller.abort() } : foreignSignal();
  const registry = openRegistry(() => {
    setImmediate(abort);
    return never();
  });
  await abortOf(clientOf(registry).getTagProperties("app", "v1", { abortSignal: signal }));
  expect(registry.calls).toHaveLength(1);
});

test("a call whose signal has fired already sends nothing", async () => {
  const registry = openRegistry(never);
  const options = { abortSignal: AbortSignal.abort() };
  const client = clientOf(registry);
  await abortOf(client.getTagProperties("app", "v1", options));
  await abortOf(client.uploadBlob("app", "hello", options));
  await abortOf(client.listRepositoryNames(options).next());
  expect(registry.seen).toEqual([]);
});
