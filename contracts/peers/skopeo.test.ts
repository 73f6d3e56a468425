import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import type { OciIndex } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingProgram } from "../registries/installed.ts";
import { writeLayout } from "./oci-layout.ts";

const run = promisify(execFile);
const missing = missingProgram("skopeo");
if (missing !== undefined) console.log(`SKIPPED: skopeo against the emulator: ${missing}`);

describe.skipIf(missing !== undefined)("skopeo against the emulator", () => {
  let emulator: Emulator;
  let folder: string;
  let certificates: string;

  beforeAll(async () => {
    emulator = await startEmulator({ adminUser: { username: "admin", password: "a password with spaces" } });
    folder = await mkdtemp(join(tmpdir(), "acrkit-skopeo-"));
    certificates = join(folder, "certificates");
    await mkdir(certificates);
    await writeFile(join(certificates, "ca.crt"), emulator.certificate ?? "");
  });
  afterAll(async () => {
    await emulator.close();
    await rm(folder, { recursive: true, force: true });
  });

  const credentials = () => `${emulator.admin?.username}:${emulator.admin?.password}`;
  const skopeo = (...args: string[]) => run("skopeo", ["--insecure-policy", ...args]);

  it("copies a multi-layer image in and out again, over TLS, with a password; digests equal", async () => {
    const layout = join(folder, "in");
    const pushed = await writeLayout(layout, "v1", 3);
    const image = `docker://${emulator.loginServer}/team/skopeo:v1`;
    await skopeo("copy", `--dest-cert-dir=${certificates}`, `--dest-creds=${credentials()}`, `oci:${layout}:v1`, image);

    const client = new ContainerRegistryClient(emulator.endpoint, emulator.admin, {
      tlsOptions: { ca: emulator.certificate as string },
    });
    const stored = await client.getManifest("team/skopeo", "v1");
    expect(stored.digest).toBe(pushed.digest);
    expect(stored.kind === "image" && stored.manifest.layers.length).toBe(3);

    const out = join(folder, "out");
    await skopeo("copy", `--src-cert-dir=${certificates}`, `--src-creds=${credentials()}`, image, `oci:${out}:v1`);
    const index = JSON.parse(await readFile(join(out, "index.json"), "utf8")) as OciIndex;
    expect(index.manifests[0]?.digest).toBe(pushed.digest);
  });

  it("copies with an ACR refresh token, as docker login with Entra ID does", async () => {
    const layout = join(folder, "token");
    const pushed = await writeLayout(layout, "v1", 1);
    const refreshToken = await emulatorRefreshToken(emulator);
    await skopeo(
      "copy",
      `--dest-cert-dir=${certificates}`,
      `--dest-creds=00000000-0000-0000-0000-000000000000:${refreshToken}`,
      `oci:${layout}:v1`,
      `docker://${emulator.loginServer}/team/token:v1`,
    );
    const client = new ContainerRegistryClient(
      emulator.endpoint,
      { refreshToken },
      { tlsOptions: { ca: emulator.certificate as string } },
    );
    expect((await client.getManifest("team/token", "v1")).digest).toBe(pushed.digest);
  });

  it("is refused with a wrong password", async () => {
    const layout = join(folder, "wrong");
    await writeLayout(layout, "v1", 1);
    const copied = skopeo(
      "copy",
      `--dest-cert-dir=${certificates}`,
      "--dest-creds=admin:wrong",
      `oci:${layout}:v1`,
      `docker://${emulator.loginServer}/team/wrong:v1`,
    );
    await expect(copied).rejects.toThrow(/unauthorized|authentication required/i);
  });
});

/** What `az acr login --expose-token` does: the Entra token exchanged by hand. */
async function emulatorRefreshToken(emulator: Emulator): Promise<string> {
  const { token } = await emulator.credential.getToken("https://containerregistry.azure.net/.default");
  const body = new URLSearchParams({ grant_type: "access_token", service: emulator.loginServer, access_token: token });
  const agent = new Agent({ ca: emulator.certificate as string });
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL("/oauth2/exchange", emulator.endpoint),
      { method: "POST", agent, headers: { "content-type": "application/x-www-form-urlencoded" } },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.on("end", () => resolve((JSON.parse(text) as { refresh_token: string }).refresh_token));
      },
    );
    sent.on("error", reject);
    sent.end(body.toString());
  });
}
