import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeJwt } from "jose";
import { describe, expect, it } from "vitest";
import type { PermissionOptions } from "../auth/roles.ts";
import { HOST, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const AUDIENCE = "https://containerregistry.azure.net/.default";

const post = (registry: TestRegistry, path: string, form: Record<string, string>) =>
  registry.send("POST", path, { body: new URLSearchParams({ service: HOST, ...form }).toString() });

/** Signs in as an identity; `refresh_token` is what `/oauth2/exchange` answers. */
async function signIn(registry: TestRegistry, permissions: PermissionOptions) {
  const credential = registry.credential(permissions);
  const { token } = await credential.getToken(AUDIENCE);
  const exchanged = await post(registry, "/oauth2/exchange", { grant_type: "access_token", access_token: token });
  const access = async (scope: string) => {
    const refresh_token = exchanged.json.refresh_token as string;
    const answer = await post(registry, "/oauth2/token", { grant_type: "refresh_token", scope, refresh_token });
    return decodeJwt(answer.json.access_token).access as { name: string; actions: string[] }[];
  };
  return { objectId: credential.objectId, exchanged, access };
}

const basic = (username: string, password: string) => ({
  headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` },
});

describe("roles of identities", () => {
  it("decide what an access token holds, and what the refresh token tells of it (2.6)", async () => {
    await using registry = await testRegistry();
    const { exchanged, access } = await signIn(registry, { roles: ["AcrPush"] });
    expect(decodeJwt(exchanged.json.refresh_token).permissions).toEqual({
      Actions: ["read", "write"],
      NotActions: null,
    });
    expect(await access("repository:a:pull,push,delete registry:catalog:*")).toEqual([
      { type: "repository", name: "a", actions: ["pull", "push"] },
      { type: "registry", name: "catalog", actions: ["*"] },
    ]);
  });

  it("that are changed or taken away count from the next access token on", async () => {
    await using registry = await testRegistry();
    const { objectId, access } = await signIn(registry, { roles: ["AcrPull"] });
    expect(await access("repository:a:pull,delete")).toMatchObject([{ actions: ["pull"] }]);
    registry.registry.access.assign(objectId, { roles: ["AcrPull", "AcrDelete"] });
    expect(await access("repository:a:pull,delete")).toMatchObject([{ actions: ["delete", "pull"] }]);
    registry.registry.access.revoke(objectId);
    expect(await access("repository:a:pull,delete")).toEqual([]);
  });

  it("that are none keep an identity out at the exchange (2.3)", async () => {
    await using registry = await testRegistry();
    expect((await signIn(registry, { roles: [] })).exchanged.status).toBe(401);
    expect((await signIn(registry, { roles: ["Container Registry Repository Reader"] })).exchanged.status).toBe(401);
  });

  it("let an application log in with its secret for a password", async () => {
    await using registry = await testRegistry();
    const { directory } = registry.registry.context.entra;
    const { clientId, clientSecret } = directory.owner;
    expect((await registry.send("GET", "/acr/v1/_catalog", basic(clientId, clientSecret))).status).toBe(200);
    const wrong = await registry.send("GET", "/acr/v1/_catalog", basic(clientId, "wrong"));
    expect(wrong.json.errors[0].message).toMatch(/^authentication required/);
    const application = directory.register();
    registry.registry.access.assign(application, { roles: ["AcrDelete"] });
    const narrow = basic(application.clientId, application.clientSecret);
    const refused = await registry.send("GET", "/acr/v1/_catalog", narrow);
    expect(refused.header("www-authenticate")).toContain('error="insufficient_scope"');
  });
});

describe("a registry with ABAC (2.5)", () => {
  const abac = () => testRegistry({ roleAssignmentMode: "rbac-abac" });

  it("marks its refresh tokens, ignores wildcards, and grants several repositories at once", async () => {
    await using registry = await abac();
    const { exchanged, access } = await signIn(registry, {});
    expect(decodeJwt(exchanged.json.refresh_token)).toHaveProperty("aad_identity");
    expect(await access("registry:catalog:* repository:*:*")).toMatchObject([{ name: "catalog" }]);
    // What acr-cli asks for.
    const actions = "pull,delete,metadata_read,metadata_write";
    expect(await access(`repository:a:${actions} repository:b:${actions}`)).toEqual([
      { type: "repository", name: "a", actions: actions.split(",").sort() },
      { type: "repository", name: "b", actions: actions.split(",").sort() },
    ]);
  });

  it("gives its roles for the repositories of their conditions, and the catalog by a role of its own", async () => {
    await using registry = await abac();
    const { access } = await signIn(registry, {
      roles: [
        { role: "Container Registry Repository Reader", repositories: ["team/*"] },
        { role: "Container Registry Repository Contributor", repositories: ["team/app"] },
      ],
    });
    expect(
      await access(
        "repository:team/app:pull,delete repository:team/web:pull,delete repository:x:pull registry:catalog:*",
      ),
    ).toMatchObject([
      { name: "team/app", actions: ["delete", "pull"] },
      { name: "team/web", actions: ["pull"] },
    ]);
    const lister = await signIn(registry, { roles: ["Container Registry Repository Catalog Lister"] });
    expect(await lister.access("registry:catalog:* repository:a:pull")).toMatchObject([{ name: "catalog" }]);
  });

  it("does not know the roles of registries without: even an owner is kept out", async () => {
    await using registry = await abac();
    for (const role of ["Owner", "AcrPull", "AcrPush"] as const) {
      expect((await signIn(registry, { roles: [role] })).exchanged.status).toBe(401);
    }
  });
});

describe("repository-scoped tokens (2.5)", () => {
  const open = () =>
    testRegistry({
      adminUser: { username: "admin", password: "right", password2: "also right" },
      scopeMaps: { samples: { "samples/*": ["content/read", "metadata/read"] } },
      tokens: {
        ci: { scopeMap: "samples", password: "secret" },
        puller: { scopeMap: "_repositories_pull" },
        boss: { scopeMap: "_repositories_admin" },
        off: { scopeMap: "_repositories_pull", enabled: false },
      },
    });

  it("may do what their map says: by Basic on any call, by GET and by POST of a token", async () => {
    await using registry = await open();
    await registry.pushImage("samples/app", "v1");
    await registry.pushImage("other", "v1");
    const ci = basic("ci", "secret");
    const status = async (method: string, path: string) => (await registry.send(method, path, ci)).status;
    expect(await status("GET", "/v2/samples/app/manifests/none")).toBe(404);
    expect(await status("GET", "/acr/v1/samples/app/_tags")).toBe(200);
    expect(await status("DELETE", "/acr/v1/samples/app/_tags/v1")).toBe(401);
    expect(await status("GET", "/acr/v1/other/_tags")).toBe(401);
    expect(await status("GET", "/acr/v1/_catalog")).toBe(401);
    const scope = "repository:samples/app:pull,push repository:other:pull";
    const got = await registry.send("GET", `/oauth2/token?service=x&scope=${encodeURIComponent(scope)}`, ci);
    const posted = await post(registry, "/oauth2/token", {
      grant_type: "password",
      username: "ci",
      password: "secret",
      scope,
    });
    for (const { json } of [got, posted]) {
      expect(decodeJwt(json.access_token)).toMatchObject({
        sub: "ci",
        access: [{ name: "samples/app", actions: ["pull"] }],
      });
    }
  });

  it("that only pull cannot list tags, and the admin map lists the catalog (Azure/acr#600, #675)", async () => {
    await using registry = await open();
    await registry.pushImage("app", "v1");
    const { tokens } = registry.registry.access;
    const status = async (name: string, path: string) => {
      const { username = "", password2 = "" } = tokens.get(name) ?? {};
      return (await registry.send("GET", path, basic(username, password2))).status;
    };
    expect(await status("puller", "/v2/app/tags/list")).toBe(401);
    expect(await status("puller", "/v2/app/manifests/none")).toBe(404);
    expect(await status("boss", "/v2/app/tags/list")).toBe(200);
    expect(await status("boss", "/acr/v1/_catalog")).toBe(200);
    expect(await status("off", "/v2/app/manifests/none")).toBe(401);
  });

  it("have generated passwords that outlive a restart, as the admin user's second one does", async () => {
    const dataFolder = await mkdtemp(join(tmpdir(), "acrkit-tokens-"));
    const passwords = async () => {
      await using registry = await testRegistry({ dataFolder, tokens: { ci: { scopeMap: "_repositories_pull" } } });
      return [registry.registry.admin, registry.registry.access.tokens.get("ci")];
    };
    const before = await passwords();
    expect(await passwords()).toEqual(before);
    expect(new Set(before.flatMap((user) => [user?.password, user?.password2])).size).toBe(4);
    await rm(dataFolder, { recursive: true });
  });

  it("and the admin user take either password", async () => {
    await using registry = await open();
    for (const password of ["right", "also right"]) {
      expect((await registry.send("GET", "/acr/v1/_catalog", basic("admin", password))).status).toBe(200);
    }
  });
});
