import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startEmulator } from "@acrkit/emulator";
import { type ExampleRegistry, runProgram } from "./run.ts";

/** Starts an emulator for one example, with the images of `images.ts` in it. */
export async function startExampleRegistry(): Promise<ExampleRegistry & AsyncDisposable> {
  const emulator = await startEmulator({
    adminUser: { username: "admin", password: "example-password" },
    anonymousPull: true,
  });
  const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
  const registry = {
    endpoint: emulator.endpoint,
    certificate: emulator.certificate,
    username: "admin",
    password: "example-password",
    aadToken: token,
    [Symbol.asyncDispose]: () => emulator.close(),
  };
  try {
    const place = "images.ts";
    // In a process of its own, as only a new process can be told which certificate to trust.
    await runProgram({ place, code: await readFile(join(import.meta.dirname, place), "utf8") }, registry);
    return registry;
  } catch (error) {
    await emulator.close();
    throw error;
  }
}
