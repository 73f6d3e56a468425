import { MediaType } from "@acrkit/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RoleName } from "../auth/roles.ts";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

// Azure/acr, docs/preview/quarantine: the words of the refusals are those that docker showed there.
describe("quarantine (chapter 6, unseen)", () => {
  let registry: TestRegistry;
  let digest = "";
  beforeEach(async () => {
    registry = await testRegistry({ quarantine: true });
    digest = await registry.pushImage("app", "v1");
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  /** A token as a client gets it that asks for `actions`, for an identity with these roles. */
  const tokenOf = async (roles: readonly RoleName[], actions: string) => {
    const post = async (path: string, form: Record<string, string>) =>
      (await registry.send("POST", path, { body: new URLSearchParams(form).toString() })).json;
    const { token } = await registry.credential({ roles }).getToken("https://containerregistry.azure.net/.default");
    const service = HOST;
    const { refresh_token } = await post("/oauth2/exchange", {
      grant_type: "access_token",
      service,
      access_token: token,
    });
    const scope = `repository:app:${actions}`;
    const { access_token } = await post("/oauth2/token", {
      grant_type: "refresh_token",
      service,
      scope,
      refresh_token,
    });
    return access_token as string;
  };
  const pull = async (reference: string, token: string) => {
    const headers = { authorization: `Bearer ${token}`, accept: MediaType.ociManifest };
    return registry.send("GET", `/v2/app/manifests/${reference}`, { headers });
  };
  const release = async (token: string, quarantineState: string) =>
    registry.send("PATCH", `/acr/v1/app/_manifests/${digest}`, {
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ quarantineState, quarantineDetails: '{"state":"scan passed"}' }),
    });

  it("hides an image by its tag, and disallows it by its digest", async () => {
    const token = await tokenOf(["AcrPull"], "pull");
    const byTag = await pull("v1", token);
    expect([byTag.status, byTag.json.errors[0].message]).toEqual([404, 'manifest tagged by "v1" is not found']);
    const byDigest = await pull(digest, token);
    expect([byDigest.status, byDigest.json.errors[0].code]).toEqual([405, "REGISTRY_DISALLOWED_OPERATION"]);
  });

  it("lets a scanner read it, though it asks for no more than to pull", async () => {
    expect((await pull(digest, await tokenOf(["AcrQuarantineReader"], "pull"))).status).toBe(200);
  });

  it("lets everyone pull once it has passed, which only a quarantine writer can say", async () => {
    const owner = await tokenOf(["AcrPush"], "metadata_write");
    expect((await release(owner, "Passed")).status).toBeGreaterThanOrEqual(400);
    const scanner = await tokenOf(["AcrQuarantineWriter"], "metadata_write");
    expect((await release(scanner, "Failed")).status).toBe(200);
    const reader = await tokenOf(["AcrPull"], "pull");
    expect((await pull("v1", reader)).status).toBe(404);
    const { json } = await release(scanner, "Passed");
    expect(json.manifest.changeableAttributes).toMatchObject({
      quarantineState: "Passed",
      quarantineDetails: '{"state":"scan passed"}',
    });
    expect((await pull("v1", reader)).status).toBe(200);
  });

  it("is off unless it is asked for, and then a state is only a note", async () => {
    await using open = await testRegistry();
    const one = await open.pushImage("app", "v1");
    const scope = "repository:app:pull,metadata_write";
    const path = `/acr/v1/app/_manifests/${one}`;
    expect((await open.send("PATCH", path, { scope, body: '{"quarantineState":"Failed"}' })).status).toBe(200);
    expect((await open.send("PATCH", path, { scope, body: '{"quarantineState":1}' })).status).toBe(400);
    const headers = { accept: MediaType.ociManifest };
    expect((await open.send("GET", "/v2/app/manifests/v1", { scope, headers })).status).toBe(200);
  });
});
