/** The codes of {@link DockerConfigError}. */
export type DockerConfigErrorCode = "DOCKER_CONFIG_INVALID" | "DOCKER_CONFIG_NOT_WRITTEN" | "DOCKER_CONFIG_UNREADABLE";

/**
 * A file with docker's or podman's credentials cannot be used: mend or remove it. `file` names it; neither the message nor
 * `cause` holds anything of what is in it.
 */
export class DockerConfigError extends Error {
  override readonly name = "DockerConfigError";
  readonly code: DockerConfigErrorCode;
  readonly file: string;

  constructor(
    message: string,
    info: { readonly code: DockerConfigErrorCode; readonly file: string; readonly cause?: unknown },
  ) {
    super(message, info.cause === undefined ? undefined : { cause: info.cause });
    this.code = info.code;
    this.file = info.file;
  }
}

/** The codes of {@link CredentialHelperError}. */
export type CredentialHelperErrorCode =
  | "CREDENTIAL_HELPER_FAILED"
  | "CREDENTIAL_HELPER_MISSING"
  | "CREDENTIAL_HELPER_TIMEOUT";

/** A `docker-credential-…` program is missing, failed, or said something that is not the protocol. `helper` is its name. */
export class CredentialHelperError extends Error {
  override readonly name = "CredentialHelperError";
  readonly code: CredentialHelperErrorCode;
  readonly helper: string;

  constructor(message: string, info: { readonly code: CredentialHelperErrorCode; readonly helper: string }) {
    super(message);
    this.code = info.code;
    this.helper = info.helper;
  }
}
