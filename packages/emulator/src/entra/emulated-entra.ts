import type { EmulatorCredential, Entra } from "../auth/entra.ts";
import type { Application, ApplicationOptions } from "../auth/entra-directory.ts";
import type { Principal } from "../auth/role-assignments.ts";
import type { PermissionOptions } from "../auth/roles.ts";

/** What `EnvironmentCredential`, and with it `DefaultAzureCredential`, reads from the environment. */
export type EntraEnvironment = Readonly<
  Record<"AZURE_TENANT_ID" | "AZURE_CLIENT_ID" | "AZURE_CLIENT_SECRET" | "AZURE_AUTHORITY_HOST", string>
>;

/** An application that can sign in. */
export interface EntraApplication {
  readonly name: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Whom roles are assigned to. */
  readonly objectId: string;
  readonly environment: EntraEnvironment;
  /** Signs in without asking the network. */
  readonly credential: EmulatorCredential;
}

/** How an application is made, and what it may do in every registry of the emulator: nothing, unless it is given. */
export interface EntraApplicationOptions extends ApplicationOptions, PermissionOptions {}

/** The stand-in for Entra ID that all registries of an emulator share. */
export interface EmulatedEntra {
  /** What `authorityHost` is to be in the credentials of `@azure/identity`, and `AZURE_AUTHORITY_HOST` elsewhere. */
  readonly authorityHost: string;
  readonly tenantId: string;
  /** There from the start, and the same as long as the data folder is kept. It may do everything in every registry. */
  readonly application: EntraApplication;
  /** Registers an application, until the emulator stops. @throws {TypeError} an option that cannot be */
  createApplication(options?: EntraApplicationOptions): EntraApplication;
  /**
   * A token for workload identity, as a cluster writes it into a pod's file: applications with this `federatedSubject`
   * take it in the place of a secret.
   */
  federatedToken(options: { readonly subject: string; readonly audience?: string }): Promise<string>;
}

/** `assign` gives permissions in every registry. */
export function createEmulatedEntra(
  entra: Entra,
  authorityHost: string,
  assign: (principal: Principal, permissions: PermissionOptions) => void,
): EmulatedEntra {
  const { directory } = entra;
  const applicationOf = ({ name, clientId, clientSecret, objectId }: Application, credential: EmulatorCredential) => ({
    name,
    clientId,
    clientSecret,
    objectId,
    credential,
    environment: {
      AZURE_TENANT_ID: directory.tenantId,
      AZURE_CLIENT_ID: clientId,
      AZURE_CLIENT_SECRET: clientSecret,
      AZURE_AUTHORITY_HOST: authorityHost,
    },
  });
  return {
    authorityHost,
    tenantId: directory.tenantId,
    application: applicationOf(directory.owner, entra.credential(directory.owner)),
    createApplication({ roles, actions, repositories, ...options } = {}) {
      const application = directory.register(options);
      // Nothing given is nothing allowed, as with an application that no role was assigned to.
      assign(application, { roles: roles ?? [], actions, repositories });
      return applicationOf(application, entra.credential(application));
    },
    federatedToken: ({ subject, audience }) => entra.federatedToken(subject, audience),
  };
}
