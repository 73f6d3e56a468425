import { dirname, join } from "node:path";
import { claimsOf } from "../../../auth/token-claims.ts";
import { ACR_TOKEN_USER, fromStoredCredential, readAuthEntry, writeAuthEntry } from "../../auth-entry.ts";
import { changeAuths, type DockerConfig, parseConfig } from "../../config.ts";
import { authKeysOf, hostOfKey } from "../../lookup.ts";
import type { Environment } from "../../port.ts";
import { dockerConfigFile } from "../files.ts";
import { readFile } from "../read-file.ts";
import { updateFile } from "../update-file.ts";

/** In the words of the protocol; `<token>` is the user of an identity token. */
export interface HelperCredential {
  readonly username: string;
  readonly secret: string;
}

/**
 * What `docker login` gave to the helper. A file of docker's form in docker's folder, which its owner alone may read:
 *
 *     { "auths": { "registry.example.com": { "auth": "<user:password in base64>" } } }
 */
export class HelperStore {
  readonly #file: string;

  constructor(environment: Environment) {
    this.#file = join(dirname(dockerConfigFile(environment)), "acrkit-credentials.json");
  }

  /** An ACR refresh token that has expired is as good as none: a new one is had from Entra ID. */
  async get(server: string): Promise<HelperCredential | undefined> {
    const { auths, source } = await this.#read();
    for (const key of keysOf(auths, server)) {
      const found = readAuthEntry(source, key, auths[key]);
      if (found === undefined) continue;
      const { username, password } = fromStoredCredential(found);
      if (username !== ACR_TOKEN_USER || !isExpired(password)) return { username, secret: password };
    }
    return undefined;
  }

  async put(server: string, { username, secret }: HelperCredential): Promise<void> {
    // Whoever reads the file divides at the first colon.
    if (username.includes(":")) throw new Error("a user name holds no colon");
    await this.#change((auths) => {
      for (const key of keysOf(auths, server)) delete auths[key];
      auths[server] = writeAuthEntry({ username, password: secret });
      return true;
    });
  }

  async erase(server: string): Promise<void> {
    await this.#change((auths) => {
      const keys = keysOf(auths, server);
      for (const key of keys) delete auths[key];
      return keys.length > 0;
    });
  }

  async list(): Promise<Readonly<Record<string, string>>> {
    const { auths, source } = await this.#read();
    const users: [string, string][] = [];
    for (const [key, entry] of Object.entries(auths)) {
      const found = readAuthEntry(source, key, entry);
      if (found !== undefined) users.push([key, fromStoredCredential(found).username]);
    }
    return Object.fromEntries(users);
  }

  async #read(): Promise<DockerConfig> {
    return parseConfig(this.#file, (await readFile(this.#file))?.text ?? "");
  }

  #change(change: (auths: Record<string, unknown>) => boolean): Promise<void> {
    return updateFile(this.#file, (text) => changeAuths(this.#file, text, change));
  }
}

/** The same registry may be named with `https://` and without. */
function keysOf(auths: Readonly<Record<string, unknown>>, server: string): readonly string[] {
  const host = hostOfKey(server);
  const known = host === undefined ? [] : authKeysOf(auths, host);
  return Object.hasOwn(auths, server) ? [server, ...known.filter((key) => key !== server)] : known;
}

function isExpired(token: string): boolean {
  const { exp } = claimsOf(token) ?? {};
  return typeof exp === "number" && exp * 1000 <= Date.now();
}
