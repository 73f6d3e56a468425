import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerCredential, login } from "@acrkit/client";

const REGISTRY = "myregistry.azurecr.io";
const HELPER = '{ "credsStore": "broken" }';

/** What `act` ends in, with docker's file as `config` has it, and `helper` for the helper `broken`. */
async function failureWith(
  { config, helper }: { readonly config?: string; readonly helper?: string },
  act: (home: { readonly environment: Record<string, string>; readonly file: string }) => Promise<unknown>,
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-docker-failures-"));
  try {
    const file = join(folder, "config.json");
    if (config !== undefined) await writeFile(file, config, { mode: 0o600 });
    const program = join(folder, "docker-credential-broken");
    if (helper !== undefined) await writeFile(program, `#!/bin/sh\n${helper}\n`);
    if (helper !== undefined) await chmod(program, 0o700);
    const environment = { HOME: folder, DOCKER_CONFIG: folder, PATH: `${folder}:/usr/bin:/bin` };
    return await act({ environment, file }).catch((error: unknown) => error);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** One way to see each code of docker's credentials. */
export const DOCKER_FAILURES: Readonly<Record<string, () => Promise<unknown>>> = {
  CREDENTIAL_HELPER_FAILED: () =>
    failureWith({ config: HELPER, helper: "echo the keychain is locked; exit 1" }, (home) => ask(home)),
  CREDENTIAL_HELPER_MISSING: () => failureWith({ config: HELPER }, (home) => ask(home)),
  CREDENTIAL_HELPER_TIMEOUT: () => failureWith({ config: HELPER, helper: "sleep 1000" }, (home) => ask(home, 500)),
  DOCKER_CONFIG_INVALID: () => failureWith({ config: "no JSON" }, (home) => ask(home)),
  DOCKER_CONFIG_NOT_WRITTEN: () =>
    failureWith({ config: "{}" }, ({ file }) =>
      login(REGISTRY, { username: "u", password: "p" }, { verify: false, configFile: join(file, "below", "a-file") }),
    ),
  DOCKER_CONFIG_UNREADABLE: () =>
    failureWith({}, async ({ file, environment }) => {
      await mkdir(file);
      return ask({ environment });
    }),
};

async function ask(
  { environment }: { readonly environment: Record<string, string> },
  helperTimeoutInMs = 30_000,
): Promise<unknown> {
  const credential = dockerCredential({ environment, helperTimeoutInMs });
  return credential({ registry: REGISTRY, repositories: [], scopes: [], audience: "" });
}
