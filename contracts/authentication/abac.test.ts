import { ClientAuthenticationError, ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { seedRepositories } from "./seed.ts";

// A registry whose roles are given by repository: `repository:*` in a scope is worth nothing there.
describe("a registry with permissions by repository (ABAC)", () => {
  let emulator: Emulator;
  let admin: ContainerRegistryClient;
  beforeAll(async () => {
    emulator = await startEmulator({ tls: false, roleAssignmentMode: "rbac-abac" });
    admin = clientWith(["team/*", "base/*"], ["Contributor"], true);
    await admin.uploadBlob("base/alpine", "layer");
    await admin.uploadBlob("team/app", "app");
    seedRepositories(emulator, ["base/alpine", "team/app"]);
  });
  afterAll(() => emulator.close());

  function clientWith(repositories: readonly string[], names: readonly string[], isLister = false) {
    const roles = [
      ...names.map((name) => ({ role: `Container Registry Repository ${name}` as never, repositories })),
      ...(isLister ? ["Container Registry Repository Catalog Lister" as never] : []),
    ];
    return new ContainerRegistryClient(emulator.endpoint, emulator.credentialFor({ roles }));
  }

  it("lets a writer push, pull and mount where it has a role, with a scope for each repository", async () => {
    const { digest } = await admin.uploadBlob("base/alpine", "shared layer");
    const writer = clientWith(["team/*", "base/*"], ["Writer"]);
    emulator.requests.clear();
    expect(await writer.mountBlob("team/app", digest, "base/alpine")).toBe(true);
    expect(await writer.blobExists("team/app", digest)).toBe(true);
    await writer.uploadBlob("team/app", "more");
    // The mount's token names both repositories, and serves all of it.
    const tokens = emulator.requests.entries.filter(({ path }) => path === "/oauth2/token");
    expect(tokens).toHaveLength(1);
  });

  it("refuses a reader what it may not do, and says so", async () => {
    const reader = clientWith(["team/*"], ["Reader"]);
    expect(await reader.blobExists("team/app", `sha256:${"0".repeat(64)}`)).toBe(false);
    const error = await reader.uploadBlob("team/app", "content").catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(ClientAuthenticationError);
    expect((error as ClientAuthenticationError).hint).toMatch(
      /asked for repository:team\/app:pull,push and given repository:team\/app:pull.*Container Registry Repository/,
    );
  });

  it("refuses a repository without a role, and the next call to another is as good as ever", async () => {
    const reader = clientWith(["team/*"], ["Reader"]);
    await expect(reader.blobExists("base/alpine", `sha256:${"0".repeat(64)}`)).rejects.toThrow(
      ClientAuthenticationError,
    );
    expect(await reader.blobExists("team/app", `sha256:${"0".repeat(64)}`)).toBe(false);
  });

  it("lists the catalog for a lister alone", async () => {
    expect(await Array.fromAsync(admin.listRepositoryNames())).toEqual(["base/alpine", "team/app"]);
    const reader = clientWith(["team/*"], ["Reader"]);
    await expect(Array.fromAsync(reader.listRepositoryNames())).rejects.toThrow(ClientAuthenticationError);
  });
});
