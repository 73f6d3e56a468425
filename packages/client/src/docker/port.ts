/** As `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A run of a helper. */
export interface HelperRun {
  /** `docker-credential-…`: a file's name, looked for in the folders of `PATH`. */
  readonly program: string;
  readonly verb: string;
  /** Its standard input. */
  readonly input: string;
  readonly environment: Environment;
  readonly timeoutInMs: number;
  readonly abortSignal: AbortSignal | undefined;
  /** Who wants it, and what to do when it is not there. */
  readonly missing: string;
}

export interface HelperAnswer {
  /** Undefined when something else has killed it. */
  readonly exitCode: number | undefined;
  /** Its standard output; its standard error is not read. */
  readonly output: Uint8Array;
}

export interface StoredFile {
  readonly text: string;
  /** Whether others than its owner may read it. */
  readonly isExposed: boolean;
}

/** Files and programs: what a browser has not. */
export interface DockerRuntime {
  environment(): Environment;
  /** Docker's own file. */
  dockerConfigFile(environment: Environment): string;
  /** Every file that may hold credentials, the first to be asked first. */
  credentialFiles(environment: Environment): readonly string[];
  /**
   * Reads a file; undefined when there is none.
   *
   * @throws {DockerConfigError} it is no file, is too large, or may not be read
   */
  readFile(path: string): Promise<StoredFile | undefined>;
  /**
   * Replaces a file, as a whole or not at all. `change` gets what it holds, and gives what it shall hold; undefined leaves it
   * as it is. It is called again when somebody else was faster.
   *
   * @throws {DockerConfigError} it cannot be read or written
   */
  updateFile(path: string, change: (text: string | undefined) => string | undefined): Promise<void>;
  /**
   * Runs a helper to its end, whatever its exit code. It is killed when its time is over, when it says too much, or when
   * `abortSignal` says so.
   *
   * @throws {CredentialHelperError} it is missing, took too long, or said too much
   */
  runHelper(run: HelperRun): Promise<HelperAnswer>;
}
