import type { AccessToken, TokenCredential } from "@azure/core-auth";
import type { HttpClient } from "@azure/core-rest-pipeline";
import { expect } from "vitest";
import type { ClientCredential } from "../auth/credential-source.ts";
import type { ContainerRegistryClientOptions } from "../client-options.ts";
import { ContainerRegistryClient } from "../container-registry-client.ts";
import { ORIGIN } from "./acr-registry.ts";

/** A client of a scripted registry; retries do not wait. */
export function clientOf(
  httpClient: HttpClient,
  options: ContainerRegistryClientOptions & { readonly credential?: ClientCredential; readonly endpoint?: string } = {},
): ContainerRegistryClient {
  const { credential, endpoint = ORIGIN, ...rest } = options;
  return new ContainerRegistryClient(endpoint, credential, {
    httpClient,
    retryOptions: { retryDelayInMs: 0 },
    ...rest,
  });
}

/** An Entra credential that counts how often it was asked, and for what. */
export class FakeEntraCredential implements TokenCredential {
  readonly asked: (string | string[])[] = [];
  readonly #token: string;

  constructor(token = "entra-token") {
    this.#token = token;
  }

  async getToken(scopes: string | string[]): Promise<AccessToken> {
    this.asked.push(scopes);
    return { token: this.#token, expiresOnTimestamp: Number.MAX_SAFE_INTEGER };
  }
}

type Kind<E> = abstract new (...parameters: never[]) => E;

/** The error that a call fails with, which must be of this kind. */
export async function failureOf<E extends Error>(call: Promise<unknown> | (() => unknown), kind: Kind<E>): Promise<E> {
  let outcome: unknown;
  try {
    outcome = await (typeof call === "function" ? call() : call);
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return error as E;
  }
  throw new Error(`expected ${kind.name}, but the call succeeded: ${JSON.stringify(outcome)}`);
}

/** Like `failureOf`, for an abort, which is told by its name in the Azure SDKs. */
export async function abortOf(call: Promise<unknown>): Promise<void> {
  expect((await failureOf(call, Error)).name).toBe("AbortError");
}
