import { InvalidInputError } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { CredentialChain } from "./auth/credential-chain.ts";
import { ContainerRegistryClient } from "./container-registry-client.ts";
import { acrRegistry, HOST, ORIGIN } from "./testing/acr-registry.ts";
import { clientOf, FakeEntraCredential } from "./testing/client.ts";
import { failOnUnhandled } from "./testing/unhandled.ts";

failOnUnhandled();

const TAG = {
  name: "v1",
  digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  createdTime: "2023-02-28T18:36:41.1794832Z",
  lastUpdateTime: "2023-02-28T18:36:41.1794832Z",
};
const answerTag = () => ({ status: 200, body: { registry: HOST, imageName: "app", tag: TAG } });

describe("the constructor", () => {
  test("tells the registry's address in both forms", () => {
    const client = new ContainerRegistryClient("localhost:5000");
    expect(client.endpoint).toBe("https://localhost:5000");
    expect(client.loginServer).toBe("localhost:5000");
  });

  test("takes a credential, options, or both, in the order of the Azure SDKs", async () => {
    const credential = new FakeEntraCredential();
    for (const construct of [
      (registry: ReturnType<typeof acrRegistry>) => new ContainerRegistryClient(ORIGIN, { httpClient: registry }),
      (registry: ReturnType<typeof acrRegistry>) =>
        new ContainerRegistryClient(ORIGIN, undefined, { httpClient: registry }),
      (registry: ReturnType<typeof acrRegistry>) =>
        new ContainerRegistryClient(ORIGIN, credential, { httpClient: registry }),
    ]) {
      const registry = acrRegistry(answerTag);
      await construct(registry).getTagProperties("app", "v1");
      expect(registry.callLines).toContain("GET /acr/v1/app/_tags/v1");
    }
    expect(credential.asked).toEqual(["https://containerregistry.azure.net/.default"]);
  });

  test.each([
    ["null", null],
    ["a text", "password"],
    ["half a credential", { username: "user" }],
  ])("refuses %s as a credential at once", (_, credential) => {
    expect(() => new ContainerRegistryClient(ORIGIN, credential as never)).toThrow(InvalidInputError);
  });

  test("refuses http with a credential to another machine", () => {
    const credential = { username: "user", password: "password" };
    expect(() => new ContainerRegistryClient("http://registry.example", credential)).toThrow(InvalidInputError);
    expect(
      new ContainerRegistryClient("http://registry.example", credential, { allowInsecureConnection: true }).endpoint,
    ).toBe("http://registry.example");
    expect(new ContainerRegistryClient("http://registry.example").endpoint).toBe("http://registry.example");
  });

  test("sends nothing", () => {
    const registry = acrRegistry(answerTag);
    clientOf(registry);
    expect(registry.seen).toEqual([]);
  });
});

describe("the audience", () => {
  test.each([
    ["https://r.azurecr.io", undefined, "https://containerregistry.azure.net/.default"],
    ["https://r.azurecr.cn", undefined, "https://management.chinacloudapi.cn/.default"],
    ["https://r.azurecr.us", undefined, "https://management.usgovcloudapi.net/.default"],
    ["https://r.azurecr.io", "https://management.azure.com", "https://management.azure.com/.default"],
  ])("for %s with the option %s is %s", async (endpoint, audience, asked) => {
    const credential = new FakeEntraCredential();
    const { host } = new URL(endpoint);
    const client = new ContainerRegistryClient(endpoint, credential, {
      httpClient: acrRegistry(answerTag, {
        login: ({ url }) =>
          url.pathname === "/v2/"
            ? {
                status: 401,
                headers: { "www-authenticate": `Bearer realm="https://${host}/oauth2/token",service="${host}"` },
              }
            : undefined,
      }),
      ...(audience === undefined ? {} : { audience }),
    });
    await client.getTagProperties("app", "v1");
    expect(credential.asked).toEqual([asked]);
  });
});

test("names, tags and digests that do not follow their grammar are refused before anything is sent", async () => {
  const registry = acrRegistry(answerTag);
  const client = clientOf(registry);
  const digest = TAG.digest;
  for (const call of [
    () => client.getRepositoryProperties("Team/App"),
    () => client.getTagProperties("app", "a/b"),
    () => client.getTagProperties("../app", "v1"),
    () => client.deleteTag("app", ""),
    () => client.getManifest("app", "sha256:123"),
    () => client.getManifestProperties("app", "not a tag"),
    () => client.setManifest("app", { schemaVersion: 2, manifests: [] } as never, { tag: "a b" }),
    () => client.deleteManifest("app", "sha256:abc"),
    () => client.downloadBlob("app", "v1"),
    () => client.downloadBlob("app?x=1", digest),
    () => client.blobExists("app", "sha256:xyz"),
    () => client.deleteBlob("app", ""),
    () => client.mountBlob("app", digest, "Other"),
    () => client.mountBlob("app", "v1", "other"),
    () => client.uploadBlob("App", "hello"),
    () => client.uploadBlob("app", "hello", { digest: "v1" }),
    () => client.uploadBlob("app", "hello", { chunkSizeInBytes: 0 }),
    () => client.uploadBlob("app", "hello", { chunkSizeInBytes: 1.5 }),
    async () => client.listTagProperties("App").next(),
    async () => client.listTagProperties("app", { digest: "v1" }).next(),
    async () => client.listTagProperties("app", { order: "Newest" as never }).next(),
    async () => client.listManifestProperties("app", { order: "constructor" as never }).next(),
  ]) {
    await expect(call(), String(call)).rejects.toBeInstanceOf(InvalidInputError);
  }
  expect(registry.seen).toEqual([]);
});

test.each([0, -1, Number.NaN, "5" as never])("an idle timeout of %o is refused", (idleTimeoutInMs) => {
  expect(() => new ContainerRegistryClient("registry.example", { idleTimeoutInMs })).toThrow(InvalidInputError);
});

test("an idle timeout of Infinity waits for ever", () => {
  expect(
    () => new ContainerRegistryClient("registry.example", { idleTimeoutInMs: Number.POSITIVE_INFINITY }),
  ).not.toThrow();
});

test.each(["yes", 5, { folder: "" }, { folder: 5 }])("a token cache of %j is refused by name", (tokenCache) => {
  const options = { tokenCache: tokenCache as never };
  expect(() => new ContainerRegistryClient("registry.example", options)).toThrow(/tokenCache .* expected true/);
});

test.each([
  ["a function", () => undefined],
  ["a chain", new CredentialChain([{ name: "none", credential: () => undefined }], { otherwise: "anonymous" })],
])("%s as the only argument beside the endpoint is a credential", (_, credential) => {
  // Plain http to another machine is refused with a credential alone.
  expect(() => new ContainerRegistryClient("http://registry.example", credential)).toThrow(InvalidInputError);
  expect(() => new ContainerRegistryClient("https://registry.example", credential)).not.toThrow();
});
