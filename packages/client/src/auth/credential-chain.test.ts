import { InvalidInputError } from "@acrkit/oci";
import { isTokenCredential } from "@azure/core-auth";
import { describe, expect, test } from "vitest";
import { ClientAuthenticationError } from "../errors/registry-error.ts";
import { abortOf, FakeEntraCredential, failureOf } from "../testing/client.ts";
import { recordLogs } from "../testing/logs.ts";
import { CredentialChain, type CredentialLink } from "./credential-chain.ts";

const REQUEST = {
  registry: "registry.example",
  repositories: ["team/app"],
  scopes: ["repository:team/app:pull"],
  audience: "https://audience.example",
};
const PASSWORD = { username: "user", password: "s3cret" };

/** As `@azure/identity` throws them: told apart by their names. */
const named = (name: string, message: string, more: object = {}) => Object.assign(new Error(message), { name }, more);
const throwing = (error: unknown) => ({
  getToken: async () => {
    throw error;
  },
});
const unavailable = named("CredentialUnavailableError", "no environment variables");

describe("a chain", () => {
  test("gives the credential of the first link that has one, and the link's name", async () => {
    const asked: string[] = [];
    const chain = new CredentialChain([
      { name: "nothing", credential: ({ registry }) => void asked.push(registry) as undefined },
      { name: "password", credential: async () => PASSWORD },
      {
        name: "never",
        credential: () => {
          throw new Error("it must not be asked");
        },
      },
    ]);
    expect(chain.names).toEqual(["nothing", "password", "never"]);
    expect(await chain.resolve(REQUEST)).toEqual({ link: "password", credential: PASSWORD });
    expect(asked).toEqual(["registry.example"]);
  });

  test("says in the log which link answered, and nothing of what it is", async () => {
    const logs = recordLogs();
    await new CredentialChain([{ name: "password", credential: PASSWORD }]).resolve(REQUEST);
    expect(logs.join("\n")).toContain('registry.example comes from the chain\'s link "password"');
    expect(logs.join("\n")).not.toContain("s3cret");
  });

  test.each([
    ["is not available", unavailable],
    ["is a chain of which none is", named("AggregateAuthenticationError", "all", { errors: [unavailable] })],
  ])("passes on an Entra credential that %s", async (_, error) => {
    const chain = new CredentialChain([
      { name: "entra", credential: throwing(error) },
      { name: "password", credential: PASSWORD },
    ]);
    expect((await chain.resolve(REQUEST))?.link).toBe("password");
  });

  test.each([
    ["a wrong secret", named("AuthenticationRequiredError", "AADSTS7000215")],
    ["an error of Entra ID", named("AuthenticationError", "AADSTS700016")],
    [
      "a chain of which one failed",
      named("AggregateAuthenticationError", "all", { errors: [unavailable, new Error()] }),
    ],
    ["a chain that says nothing", named("AggregateAuthenticationError", "all", { errors: [] })],
  ])("ends at a link that has a credential and fails: %s", async (_, cause) => {
    const chain = new CredentialChain([
      { name: "entra", credential: throwing(cause) },
      { name: "password", credential: PASSWORD },
    ]);
    const error = await failureOf(chain.resolve(REQUEST), ClientAuthenticationError);
    expect(error).toMatchObject({ code: "CREDENTIAL_FAILED", cause });
    expect(error.message).toContain('link "entra"');
    expect(error.message).toContain(cause.message);
  });

  test("fails with what each link said when none has anything", async () => {
    const chain = new CredentialChain([
      { name: "entra", credential: throwing(unavailable) },
      { name: "docker", credential: () => undefined },
    ]);
    const error = await failureOf(chain.resolve(REQUEST), ClientAuthenticationError);
    expect(error.code).toBe("CREDENTIAL_UNAVAILABLE");
    expect(error.message).toMatch(/entra: no environment variables; docker: it has nothing/);
    expect((error.cause as AggregateError).errors[0]).toBe(unavailable);
  });

  test("goes on anonymously when it was told to", async () => {
    const chain = new CredentialChain([{ name: "docker", credential: () => undefined }], { otherwise: "anonymous" });
    expect(await chain.resolve(REQUEST)).toBeUndefined();
  });

  test("asks an Entra credential once for the try and the login that follows", async () => {
    const entra = new FakeEntraCredential();
    const chain = new CredentialChain([{ name: "entra", credential: entra }]);
    const credential = (await chain.resolve(REQUEST))?.credential;
    if (!isTokenCredential(credential)) throw new Error("the link's credential is none of Entra ID");
    expect(await credential.getToken("https://audience.example/.default")).toMatchObject({ token: "entra-token" });
    expect((await chain.resolve(REQUEST))?.credential).toBe(credential);
    expect(entra.asked).toEqual(["https://audience.example/.default"]);
  });

  test("asks it once for many repositories at the same time, and as often as they come for another tenant", async () => {
    const entra = new FakeEntraCredential();
    const chain = new CredentialChain([{ name: "entra", credential: entra }]);
    const requests = Array.from({ length: 20 }, (_, index) => ({ ...REQUEST, repositories: [`app${index}`] }));
    const [answer] = await Promise.all(requests.map((request) => chain.resolve(request)));
    expect(entra.asked).toHaveLength(1);
    const credential = answer?.credential;
    if (!isTokenCredential(credential)) throw new Error("the link's credential is none of Entra ID");
    await credential.getToken("https://audience.example/.default", { tenantId: "other" });
    expect(entra.asked).toHaveLength(2);
  });

  test("does not explain an abort", async () => {
    const chain = new CredentialChain([{ name: "slow", credential: throwing(named("AbortError", "aborted")) }]);
    await abortOf(chain.resolve({ ...REQUEST, abortSignal: AbortSignal.abort() }));
  });

  test("names the link that gives up by itself, which is no abort of the caller's", async () => {
    const chain = new CredentialChain([
      { name: "slow", credential: throwing(named("AbortError", "no answer in 5 s")) },
    ]);
    const error = await failureOf(chain.resolve(REQUEST), ClientAuthenticationError);
    expect(error.message).toContain('link "slow" has a credential, but it failed: no answer in 5 s');
  });
});

test.each([
  ["no list", undefined],
  ["no link", []],
  ["a link without a name", [{ name: "", credential: PASSWORD }]],
  ["a link without a credential", [{ name: "a", credential: undefined }]],
  ["a link whose credential is a text", [{ name: "a", credential: "s3cret" }]],
  ["a link whose credential is something else", [{ name: "a", credential: { token: "s3cret" } }]],
])("%s is no chain, and what it is is not shown", (_, links) => {
  const make = () => new CredentialChain(links as unknown as CredentialLink[]);
  expect(make).toThrow(InvalidInputError);
  expect(make).not.toThrow(/s3cret/);
});
