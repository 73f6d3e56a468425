import { isAcrHost } from "../../../audience.ts";
import { ACR_TOKEN_USER } from "../../auth-entry.ts";
import { hostOfKey } from "../../lookup.ts";
import type { Environment } from "../../port.ts";

/** A registry that may be sent an Entra token. */
export interface AcrRegistry {
  readonly endpoint: string;
  /** The user whose password a refresh token is. */
  readonly username: string;
}

/** The registry of Azure at an address that docker asks for; undefined for everybody else's. */
export function acrRegistryOf(server: string, environment: Environment): AcrRegistry | undefined {
  const host = hostOfKey(server);
  if (host === undefined) return undefined;
  const listed = (environment.ACRKIT_REGISTRIES ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  const entry = listed.find((name) => hostOfKey(name) === host);
  if (entry !== undefined) {
    // Plain http only where the list says so; to another machine it is refused, as by the client.
    const protocol = /^http:\/\//i.test(entry) ? "http" : "https";
    return { endpoint: `${protocol}://${host}`, username: ACR_TOKEN_USER };
  }
  return isAcrHost(host) ? { endpoint: `https://${host}`, username: ACR_TOKEN_USER } : undefined;
}
