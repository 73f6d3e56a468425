import { randomBytes } from "node:crypto";
import type { AdminUser } from "./auth/authenticator.ts";
import type { Secrets } from "./storage/secrets.ts";

/** What makes one registry this one, for as long as its data folder is kept. */
export interface RegistryIdentity {
  /** 32 hexadecimal digits. */
  readonly registryId: string;
  /** Signs upload states and storage URLs, which therefore outlive a restart. */
  readonly secret: string;
  readonly adminPassword: string;
}

/** Reads the identity, or makes one up. */
export async function loadIdentity(secrets: Secrets): Promise<RegistryIdentity> {
  const text = await secrets.getOrCreate("identity.json", () =>
    JSON.stringify({
      registryId: randomBytes(16).toString("hex"),
      secret: randomBytes(32).toString("base64url"),
      adminPassword: randomBytes(24).toString("base64url"),
    } satisfies RegistryIdentity),
  );
  return JSON.parse(text) as RegistryIdentity;
}

/** ACR's admin user is named after the registry; an emulator that is known by its port has only one name. */
export function adminUserOf(
  identity: RegistryIdentity,
  loginServer: string | undefined,
  given: AdminUser | false | undefined,
): AdminUser | undefined {
  if (given === false) return undefined;
  return given ?? { username: loginServer?.split(".")[0] ?? "acrkit", password: identity.adminPassword };
}
