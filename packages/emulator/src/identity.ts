import { createHmac, randomBytes } from "node:crypto";
import { createDirectoryIdentity, type DirectoryIdentity } from "./auth/entra-directory.ts";
import type { AdminUser } from "./auth/users.ts";
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

/** Reads the identity of the stand-in for Entra ID, or makes one up. */
export async function loadDirectoryIdentity(secrets: Secrets): Promise<DirectoryIdentity> {
  const text = await secrets.getOrCreate("entra.json", () => JSON.stringify(createDirectoryIdentity()));
  return JSON.parse(text) as DirectoryIdentity;
}

/** A password that is the same for the same purpose, as long as the registry's identity is kept. */
export function passwordMaker({ secret }: RegistryIdentity): (purpose: string) => string {
  return (purpose) => createHmac("sha256", secret).update(`password:${purpose}`).digest("base64url").slice(0, 32);
}

/** ACR's admin user is named after the registry; an emulator that is known by its port has only one name. */
export function adminUserOf(
  identity: RegistryIdentity,
  loginServer: string | undefined,
  given: AdminUser | false | undefined,
): AdminUser | undefined {
  if (given === false) return undefined;
  return (
    given ?? {
      username: loginServer?.split(".")[0] ?? "acrkit",
      password: identity.adminPassword,
      password2: passwordMaker(identity)("admin:2"),
    }
  );
}
