import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClientAuthenticationError, ContainerRegistryClient, CredentialChain } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { ContainerRegistryClient as OfficialClient } from "@azure/container-registry";
import {
  ChainedTokenCredential,
  ClientAssertionCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { makeSelfSigned } from "../certificates/self-signed.ts";
import { missingProgram } from "../registries/installed.ts";

const SUBJECT = "system:serviceaccount:default:app";

// The credentials of @azure/identity, unchanged, cannot tell the emulator from Entra ID.
describe("@azure/identity against the emulator", () => {
  let emulator: Emulator;
  let folder: string;
  beforeAll(async () => {
    emulator = await startEmulator();
    folder = await mkdtemp(join(tmpdir(), "acrkit-identity-"));
    const seeding = new ContainerRegistryClient(emulator.endpoint, emulator.credential, trust());
    await seeding.uploadBlob("team/app", "content");
    emulator.store.repositories.put({
      name: "team/app",
      createdTime: "2023-01-01T00:00:00Z",
      lastUpdateTime: "2023-01-01T00:00:00Z",
      attributes: { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
    });
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
    await emulator.close();
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    emulator.requests.clear();
  });

  const trust = () => ({ tlsOptions: { ca: emulator.certificate } });
  const options = () => ({
    ...trust(),
    authorityHost: emulator.entra.authorityHost,
    // Entra's own host is asked about authorities it does not know, unless told not to.
    disableInstanceDiscovery: true,
  });
  const setEnvironment = (variables: Readonly<Record<string, string>>) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  };

  /** Both clients list the catalog with it, which takes all three tokens. */
  async function expectLogin(credential: TokenCredential): Promise<void> {
    const ours = new ContainerRegistryClient(emulator.endpoint, credential, trust());
    expect(await Array.fromAsync(ours.listRepositoryNames())).toEqual(["team/app"]);
    const official = new OfficialClient(emulator.endpoint, credential, trust());
    expect(await Array.fromAsync(official.listRepositoryNames())).toEqual(["team/app"]);
    expect(emulator.requests.entries.some(({ origin, status }) => origin === "entra" && status === 200)).toBe(true);
  }

  it("ClientSecretCredential logs in", async () => {
    const { clientId, clientSecret } = emulator.entra.createApplication({ roles: ["AcrPull"] });
    await expectLogin(new ClientSecretCredential(emulator.entra.tenantId, clientId, clientSecret, options()));
  });

  it("EnvironmentCredential logs in with the environment of an application", async () => {
    setEnvironment(emulator.entra.application.environment);
    await expectLogin(new EnvironmentCredential({ ...trust(), disableInstanceDiscovery: true }));
  });

  it("DefaultAzureCredential logs in with the environment of an application", async () => {
    setEnvironment(emulator.entra.application.environment);
    await expectLogin(new DefaultAzureCredential({ ...trust(), disableInstanceDiscovery: true }));
  });

  it("WorkloadIdentityCredential logs in with a federated token in a file", async () => {
    const { clientId } = emulator.entra.createApplication({ federatedSubject: SUBJECT, roles: ["AcrPull"] });
    const tokenFilePath = join(folder, "federated-token");
    await writeFile(tokenFilePath, await emulator.entra.federatedToken({ subject: SUBJECT }));
    const { tenantId } = emulator.entra;
    await expectLogin(new WorkloadIdentityCredential({ ...options(), tenantId, clientId, tokenFilePath }));
  });

  it("ClientAssertionCredential logs in with a federated token from a function", async () => {
    const { entra } = emulator;
    const { clientId } = entra.createApplication({ federatedSubject: SUBJECT, roles: ["AcrPull"] });
    const assertion = () => entra.federatedToken({ subject: SUBJECT });
    await expectLogin(new ClientAssertionCredential(entra.tenantId, clientId, assertion, options()));
  });

  it.skipIf(missingProgram("openssl") !== undefined)(
    "ClientCertificateCredential logs in with a certificate",
    async () => {
      const { keyFile, certificateFile } = makeSelfSigned(folder, "app");
      const certificate = await readFile(certificateFile, "utf8");
      const { clientId } = emulator.entra.createApplication({ certificate, roles: ["AcrPull"] });
      const pem = { certificate: `${await readFile(keyFile, "utf8")}${certificate}` };
      await expectLogin(new ClientCertificateCredential(emulator.entra.tenantId, clientId, pem, options()));
    },
  );

  describe("in a chain", () => {
    const secret = () => {
      const { clientId, clientSecret } = emulator.entra.createApplication({ roles: ["AcrPull"] });
      return new ClientSecretCredential(emulator.entra.tenantId, clientId, clientSecret, options());
    };
    const unavailable = () => new EnvironmentCredential({ ...trust(), disableInstanceDiscovery: true });
    const names = (credential: CredentialChain) =>
      Array.fromAsync(new ContainerRegistryClient(emulator.endpoint, credential, trust()).listRepositoryNames());

    it("of @azure/identity's own, the second link logs in when the first is not available", () =>
      expectLogin(new ChainedTokenCredential(unavailable(), secret())));

    it("of ours, a credential that is not available passes on, and a chain of such as well", async () => {
      const chain = new CredentialChain([
        { name: "environment", credential: unavailable() },
        { name: "nested", credential: new ChainedTokenCredential(unavailable()) },
        { name: "secret", credential: secret() },
      ]);
      expect(await names(chain)).toEqual(["team/app"]);
      // One token of Entra ID for the try and the login.
      const tokens = emulator.requests.entries.filter(({ origin, path }) => origin === "entra" && /token$/.test(path));
      expect(tokens).toHaveLength(1);
    });

    it("of ours, a wrong secret ends it, in Entra's words and without the secret", async () => {
      const { clientId } = emulator.entra.createApplication();
      const wrong = new ClientSecretCredential(emulator.entra.tenantId, clientId, "a wrong secret", options());
      const chain = new CredentialChain([
        { name: "wrong", credential: wrong },
        { name: "right", credential: secret() },
      ]);
      const refused = names(chain);
      await expect(refused).rejects.toThrow(/link "wrong".*AADSTS7000215/s);
      await expect(refused).rejects.not.toThrow(/a wrong secret/);
    });

    it("of ours, all that were not available are named when none is", async () => {
      const chain = new CredentialChain([{ name: "environment", credential: unavailable() }]);
      await expect(names(chain)).rejects.toThrow(/environment: EnvironmentCredential is unavailable/);
    });
  });

  describe("is told in Entra's words", () => {
    const login = (tenantId: string, clientId: string, secret: string) =>
      new ClientSecretCredential(tenantId, clientId, secret, options()).getToken(
        "https://containerregistry.azure.net/.default",
      );

    it("that a secret is wrong, without the secret", async () => {
      const { clientId } = emulator.entra.createApplication();
      const refused = login(emulator.entra.tenantId, clientId, "a wrong secret");
      await expect(refused).rejects.toThrow(/AADSTS7000215/);
      await expect(refused).rejects.not.toThrow(/a wrong secret/);
    });

    it("that a secret has expired, by the emulator's clock", async () => {
      const secretExpiresOn = new Date(emulator.clock.now() - 1000);
      const { clientId, clientSecret } = emulator.entra.createApplication({ secretExpiresOn });
      await expect(login(emulator.entra.tenantId, clientId, clientSecret)).rejects.toThrow(/AADSTS7000222/);
    });

    it("that there is no such application", async () => {
      const unknown = "11111111-2222-3333-4444-555555555555";
      await expect(login(emulator.entra.tenantId, unknown, "x")).rejects.toThrow(/AADSTS700016/);
    });

    it("that there is no such tenant", async () => {
      const unknown = "11111111-2222-3333-4444-555555555555";
      const { clientId, clientSecret } = emulator.entra.application;
      await expect(login(unknown, clientId, clientSecret)).rejects.toThrow(/90002|endpoints_resolution_error/);
    });

    it("that a federated token is of another subject", async () => {
      const { entra } = emulator;
      const { clientId } = entra.createApplication({ federatedSubject: SUBJECT });
      const assertion = () => entra.federatedToken({ subject: "someone else" });
      const credential = new ClientAssertionCredential(entra.tenantId, clientId, assertion, options());
      await expect(credential.getToken("https://containerregistry.azure.net/.default")).rejects.toThrow(/AADSTS700213/);
    });
  });

  it("an application without a role gets its token, and the registry refuses it", async () => {
    const { clientId, clientSecret } = emulator.entra.createApplication();
    const credential = new ClientSecretCredential(emulator.entra.tenantId, clientId, clientSecret, options());
    const client = new ContainerRegistryClient(emulator.endpoint, credential, trust());
    await expect(Array.fromAsync(client.listRepositoryNames())).rejects.toThrow(ClientAuthenticationError);
  });
});

describe("an application in several registries", () => {
  it("has a role of its own in each, and loses it while it is logged in", async () => {
    await using emulator = await startEmulator({ registries: { team: {} } });
    const trust = { tlsOptions: { ca: emulator.certificate } };
    const { environment, objectId } = emulator.entra.createApplication();
    const credential = new ClientSecretCredential(
      environment.AZURE_TENANT_ID,
      environment.AZURE_CLIENT_ID,
      environment.AZURE_CLIENT_SECRET,
      { ...trust, authorityHost: environment.AZURE_AUTHORITY_HOST, disableInstanceDiscovery: true },
    );
    const team = emulator.registry("team");
    emulator.access.assign(objectId, { roles: ["AcrPull"] });
    team.access.assign(objectId, { roles: ["AcrPush"] });
    const [first, second] = [emulator, team].map(
      ({ endpoint }) => new ContainerRegistryClient(endpoint, credential, trust),
    );
    expect((await second?.uploadBlob("app", "content"))?.sizeInBytes).toBe(7);
    await expect(first?.uploadBlob("app", "content")).rejects.toMatchObject({ statusCode: 401 });
    expect(await Array.fromAsync(first?.listRepositoryNames() ?? [])).toEqual([]);

    // The refresh token stays; what it is good for is asked anew for the next access token, of another scope.
    team.access.revoke(objectId);
    await expect(Array.fromAsync(second?.listRepositoryNames() ?? [])).rejects.toMatchObject({ statusCode: 401 });
  });
});
