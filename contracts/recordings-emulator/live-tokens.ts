import type { Emulator } from "@acrkit/emulator";
import { formatScopes, isCovered, matchOperation, operationScopes, type Scope } from "@acrkit/oci";
import { RECORDED_HOST } from "../recordings/recording.ts";
import type { Answer, Wire } from "./wire.ts";

const AUDIENCE = "https://containerregistry.azure.net/.default";

/** Any audience that no registry takes. */
const WRONG_AUDIENCE = "https://graph.microsoft.com/.default";

/** Live tokens in the place of recorded placeholders. */
export class LiveTokens {
  readonly #emulator: Emulator;
  readonly #wire: Wire;
  #refresh: string | undefined;
  #access: string | undefined;

  constructor(emulator: Emulator, wire: Wire) {
    this.#emulator = emulator;
    this.#wire = wire;
  }

  async aad({ refused }: { readonly refused: boolean }): Promise<string> {
    return (await this.#emulator.credential.getToken(refused ? WRONG_AUDIENCE : AUDIENCE)).token;
  }

  async refresh(): Promise<string> {
    this.#refresh ??= await this.#fetch("/oauth2/exchange", "refresh_token", {
      grant_type: "access_token",
      access_token: await this.aad({ refused: false }),
    });
    return this.#refresh;
  }

  /**
   * The access token for a request that carried one: the last that the recording itself was given. Where the recording
   * left out how the client got its token (the answer is no 401, and the token at hand does not reach), a new one.
   */
  async access(method: string, path: string, { refused }: { readonly refused: boolean }): Promise<string> {
    const scopes = scopesOf(method, path);
    const isEnough = this.#access !== undefined && scopes.every((scope) => isCovered(scope, granted(this.#access)));
    if (this.#access === undefined || (!refused && !isEnough)) {
      this.#access = await this.#fetch("/oauth2/token", "access_token", {
        grant_type: "refresh_token",
        refresh_token: await this.refresh(),
        scope: formatScopes(scopes),
      });
    }
    return this.#access;
  }

  /** Keeps the tokens of an answer for the requests that follow. */
  learn({ body }: Answer): void {
    const { refresh_token, access_token } = JSON.parse(Buffer.from(body).toString()) as Record<string, string>;
    this.#refresh = refresh_token ?? this.#refresh;
    this.#access = access_token ?? this.#access;
  }

  async #fetch(path: string, member: string, form: Readonly<Record<string, string>>): Promise<string> {
    const answer = await this.#wire.send({
      origin: this.#emulator.endpoint,
      method: "POST",
      target: path,
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: Buffer.from(new URLSearchParams({ service: RECORDED_HOST, ...form }).toString()),
    });
    const token = JSON.parse(Buffer.from(answer.body).toString())[member];
    if (typeof token !== "string") throw new Error(`${path} answered ${answer.status} without a ${member}`);
    return token;
  }
}

/** The scopes a request needs; none for one that is no operation. */
export function scopesOf(method: string, path: string): readonly Scope[] {
  const match = matchOperation(method, path);
  if (match === undefined || "allowed" in match) return [];
  return operationScopes(match.operation.name, match.parameters.name);
}

/** A token's claims. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

function granted(token: string | undefined): readonly Scope[] {
  const access = token === undefined ? [] : (claimsOf(token).access as Record<string, unknown>[]);
  return access.map((entry) => ({
    type: String(entry.type ?? entry.Type),
    name: String(entry.name ?? entry.Name),
    actions: (entry.actions ?? entry.Actions) as string[],
  }));
}
