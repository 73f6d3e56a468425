/** How a client comes onto this machine. */
export interface Installer {
  /** The version to install; undefined where the system's package manager chooses. */
  readonly version: string | undefined;
  /** Whatever else the result depends on: a change means installing anew. */
  readonly inputs: () => Promise<string>;
  /** Installs into `folder`, which is new and empty, and gives the version that is there now. */
  install(site: InstallSite): Promise<string>;
}

/** Where an installer works, and how it runs programs: within the time that it has, into a log. */
export interface InstallSite {
  readonly folder: string;
  run(command: readonly [string, ...string[]], options?: RunOptions): Promise<string>;
}

export interface RunOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}
