/** What one registry is like; everything may be left out. */
export interface RegistryOptions {
  /**
   * What the registry calls itself in challenges, tokens and metadata. By default the host and port by which the
   * client addresses it; a fixed name is for replaying recorded traffic.
   */
  readonly loginServer?: string;
  /** The admin user; `false` for none. By default a generated password, the same as long as the data folder is kept. */
  readonly adminUser?: { readonly username: string; readonly password: string } | false;
  /** Whether anyone may list and pull. @default false */
  readonly anonymousPull?: boolean;
}

/** How an emulator is started; everything may be left out. The options of a registry are those of its first one. */
export interface EmulatorOptions extends RegistryOptions {
  /** Where everything is kept. Without it a fresh temporary folder, removed on close. */
  readonly dataFolder?: string;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** 0 is any free port. All other origins always take any free port. @default 0 */
  readonly port?: number;
  /** HTTPS with a certificate of its own, as ACR has nothing else; `false` for plain HTTP. @default true */
  readonly tls?: boolean;
  /**
   * More registries in the same process, by name. Each has content, users and keys of its own, a port of its own, and is
   * also reached at every port by a host name that begins with its name: `team.localhost`, `team.azurecr.io`.
   */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
  /** The clock under the emulator's own, in milliseconds since 1970. @default the machine's */
  readonly now?: () => number;
}
