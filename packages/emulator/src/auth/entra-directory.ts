import { createPublicKey, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import { SecretText } from "./secret-text.ts";

/** How an application is registered; everything may be left out. */
export interface ApplicationOptions {
  readonly name?: string;
  /** By default a generated one. */
  readonly secret?: string;
  /** When the secret ends, by the emulator's clock. By default never. */
  readonly secretExpiresOn?: Date;
  /** PEM of a certificate, or of a public key alone, whose key signs the application's assertions. */
  readonly certificate?: string;
  /** Who else may sign in as the application: whom a token of `federatedToken` speaks of. */
  readonly federatedSubject?: string;
}

/** An application and its service principal. */
export interface Application {
  readonly name: string;
  readonly clientId: string;
  readonly objectId: string;
  /** The secret it was registered with. */
  readonly clientSecret: string;
  readonly certificate: KeyObject | undefined;
  readonly federatedSubject: string | undefined;
}

/** What of a directory stays the same as long as the data folder is kept. */
export interface DirectoryIdentity {
  readonly tenantId: string;
  readonly clientId: string;
  readonly objectId: string;
  readonly clientSecret: string;
}

export function createDirectoryIdentity(): DirectoryIdentity {
  return { tenantId: randomUUID(), clientId: randomUUID(), objectId: randomUUID(), clientSecret: makeSecret() };
}

/** One tenant of Entra ID, and the applications in it. */
export class EntraDirectory {
  readonly tenantId: string;
  /** The application that exists from the start. */
  readonly owner: Application;
  readonly #applications = new Map<string, Registered>();
  readonly #now: () => number;

  constructor(identity: DirectoryIdentity, now: () => number) {
    const { tenantId, clientId, objectId, clientSecret } = identity;
    this.tenantId = tenantId;
    this.#now = now;
    this.owner = this.#register(
      { name: "owner", clientId, objectId, clientSecret, certificate: undefined, federatedSubject: undefined },
      undefined,
    );
  }

  /** @throws {TypeError} an empty secret, or a certificate that is none */
  register(options: ApplicationOptions = {}): Application {
    const { secret: clientSecret = makeSecret(), certificate, federatedSubject } = options;
    if (clientSecret === "") throw new TypeError("the secret of an application is not empty");
    const clientId = randomUUID();
    const application = {
      name: options.name ?? clientId,
      clientId,
      objectId: randomUUID(),
      clientSecret,
      certificate: certificate === undefined ? undefined : publicKeyOf(certificate),
      federatedSubject,
    };
    return this.#register(application, options.secretExpiresOn);
  }

  /** By its client id. */
  application(clientId: string): Application | undefined {
    return this.#applications.get(clientId.toLowerCase())?.application;
  }

  /** The application, if the secret is its own. */
  checkSecret(clientId: string, secret: string): Application | "unknown" | "wrong" | "expired" {
    const found = this.#applications.get(clientId.toLowerCase());
    if (found === undefined) return "unknown";
    if (!found.secret.equals(new SecretText(secret))) return "wrong";
    const { expiresOn } = found;
    return expiresOn !== undefined && this.#now() >= expiresOn.getTime() ? "expired" : found.application;
  }

  #register(application: Application, expiresOn: Date | undefined): Application {
    const secret = new SecretText(application.clientSecret);
    this.#applications.set(application.clientId, { application, secret, expiresOn });
    return application;
  }
}

interface Registered {
  readonly application: Application;
  readonly secret: SecretText;
  readonly expiresOn: Date | undefined;
}

function makeSecret(): string {
  return randomBytes(30).toString("base64url");
}

function publicKeyOf(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new TypeError("the certificate of an application is PEM, of a certificate or of a public key");
  }
}
