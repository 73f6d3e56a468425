/** How an emulator is started; everything may be left out. */
export interface EmulatorOptions {
  /** Where everything is kept. Without it a fresh temporary folder, removed on close. */
  readonly dataFolder?: string;
  /** The address to listen on. @default "127.0.0.1" */
  readonly host?: string;
  /** 0 is any free port. The storage origin always takes any free port. @default 0 */
  readonly port?: number;
  /** HTTPS with a certificate of its own, as ACR has nothing else; `false` for plain HTTP. @default true */
  readonly tls?: boolean;
  /**
   * What the registry calls itself in challenges, tokens and metadata. By default the host and port by which the
   * client addresses it; a fixed name is for replaying recorded traffic.
   */
  readonly loginServer?: string;
  /** The admin user; `false` for none. By default a generated password, the same as long as the data folder is kept. */
  readonly adminUser?: { readonly username: string; readonly password: string } | false;
  /** Whether anyone may list and pull. @default false */
  readonly anonymousPull?: boolean;
  /** The clock under the emulator's own, in milliseconds since 1970. @default the machine's */
  readonly now?: () => number;
}
