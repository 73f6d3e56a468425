import { CATALOG_SCOPE, DELETED_CATALOG_SCOPE, repositoryScope, type Scope } from "./auth/scope.ts";
import { isDigest } from "./digest.ts";
import { isRepositoryName, isTag } from "./reference.ts";

/** What an operation needs to be allowed: a kind of access, or `login` for a valid token of any scope. */
export type Access =
  | "login"
  | "catalog"
  | "metadata_read"
  | "metadata_write"
  | "delete"
  | "pull"
  | "pull,push"
  | "deleted_catalog"
  | "deleted_read"
  | "deleted_restore";

interface OperationShape {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Segments in braces are parameters: `{name}` a repository, `{reference}` a tag or digest, `{digest}`, `{tag}`, `{uuid}`. */
  readonly path: string;
  readonly access: Access;
}

/**
 * Every operation of the registry: how it is addressed and what it needs. The client builds its requests from this table
 * and predicts the token's scope; the emulator routes by it and asks for the same.
 *
 * The order is the order of matching: the more specific path first.
 *
 * @see OCI distribution-spec v1.1.1, "Endpoints"; ACR REST API 2021-07-01; scopes from the service's recorded challenges
 */
const TABLE = {
  checkApi: { method: "GET", path: "/v2/", access: "login" },
  listRepositoriesV2: { method: "GET", path: "/v2/_catalog", access: "catalog" },
  listTagsV2: { method: "GET", path: "/v2/{name}/tags/list", access: "metadata_read" },
  getManifest: { method: "GET", path: "/v2/{name}/manifests/{reference}", access: "pull" },
  headManifest: { method: "HEAD", path: "/v2/{name}/manifests/{reference}", access: "pull" },
  putManifest: { method: "PUT", path: "/v2/{name}/manifests/{reference}", access: "pull,push" },
  deleteManifest: { method: "DELETE", path: "/v2/{name}/manifests/{reference}", access: "delete" },
  listReferrers: { method: "GET", path: "/v2/{name}/referrers/{digest}", access: "pull" },
  startUpload: { method: "POST", path: "/v2/{name}/blobs/uploads/", access: "pull,push" },
  getUpload: { method: "GET", path: "/v2/{name}/blobs/uploads/{uuid}", access: "pull,push" },
  patchUpload: { method: "PATCH", path: "/v2/{name}/blobs/uploads/{uuid}", access: "pull,push" },
  finishUpload: { method: "PUT", path: "/v2/{name}/blobs/uploads/{uuid}", access: "pull,push" },
  cancelUpload: { method: "DELETE", path: "/v2/{name}/blobs/uploads/{uuid}", access: "pull,push" },
  getBlob: { method: "GET", path: "/v2/{name}/blobs/{digest}", access: "pull" },
  headBlob: { method: "HEAD", path: "/v2/{name}/blobs/{digest}", access: "pull" },
  deleteBlob: { method: "DELETE", path: "/v2/{name}/blobs/{digest}", access: "delete" },

  listRepositories: { method: "GET", path: "/acr/v1/_catalog", access: "catalog" },
  // Soft delete, a preview that the published API does not describe: azure-cli `acr manifest list-deleted`, `restore`.
  listDeletedRepositories: { method: "GET", path: "/acr/v1/_deleted/_catalog", access: "deleted_catalog" },
  listDeletedManifests: { method: "GET", path: "/acr/v1/_deleted/{name}/_manifests", access: "deleted_read" },
  listDeletedTags: { method: "GET", path: "/acr/v1/_deleted/{name}/_tags", access: "deleted_read" },
  restoreManifest: { method: "POST", path: "/acr/v1/_deleted/{name}/_manifests/{digest}", access: "deleted_restore" },
  listTags: { method: "GET", path: "/acr/v1/{name}/_tags", access: "metadata_read" },
  getTag: { method: "GET", path: "/acr/v1/{name}/_tags/{tag}", access: "metadata_read" },
  updateTag: { method: "PATCH", path: "/acr/v1/{name}/_tags/{tag}", access: "metadata_write" },
  deleteTag: { method: "DELETE", path: "/acr/v1/{name}/_tags/{tag}", access: "delete" },
  listManifests: { method: "GET", path: "/acr/v1/{name}/_manifests", access: "metadata_read" },
  getManifestAttributes: { method: "GET", path: "/acr/v1/{name}/_manifests/{digest}", access: "metadata_read" },
  updateManifest: { method: "PATCH", path: "/acr/v1/{name}/_manifests/{digest}", access: "metadata_write" },
  getRepository: { method: "GET", path: "/acr/v1/{name}", access: "metadata_read" },
  updateRepository: { method: "PATCH", path: "/acr/v1/{name}", access: "metadata_write" },
  deleteRepository: { method: "DELETE", path: "/acr/v1/{name}", access: "delete" },
} as const satisfies Record<string, OperationShape>;

export type OperationName = keyof typeof TABLE;

export interface Operation extends OperationShape {
  readonly name: OperationName;
}

/** The table, by name. */
export const OPERATIONS: Readonly<Record<OperationName, Operation>> = Object.fromEntries(
  Object.entries(TABLE).map(([name, shape]) => [name, { name, ...shape }]),
) as Record<OperationName, Operation>;

/** Values for the braces of an operation's path. */
export interface OperationParameters {
  readonly name?: string;
  readonly reference?: string;
  readonly digest?: string;
  readonly tag?: string;
  readonly uuid?: string;
}

/**
 * The path of an operation. Nothing is escaped: names, tags and digests that follow their grammar hold no character that
 * a path could not, and `/` and `:` written plainly are what every registry understands.
 */
export function operationPath(operation: OperationName, parameters: OperationParameters = {}): string {
  return OPERATIONS[operation].path.replace(/\{(\w+)\}/g, (_, key: keyof OperationParameters) => {
    const value = parameters[key];
    if (value === undefined) throw new TypeError(`operation ${operation} needs a ${key}`);
    return value;
  });
}

/** The scopes a token must cover for an operation; none for `login`. `from` is the other repository of a mount. */
export function operationScopes(
  operation: OperationName,
  repository: string | undefined,
  from?: string,
): readonly Scope[] {
  const { access } = OPERATIONS[operation];
  if (access === "login") return [];
  if (access === "catalog") return [CATALOG_SCOPE];
  if (access === "deleted_catalog") return [DELETED_CATALOG_SCOPE];
  if (repository === undefined) throw new TypeError(`operation ${operation} needs a repository`);
  const scope = repositoryScope(repository, access.split(","));
  return from === undefined || from === repository ? [scope] : [scope, repositoryScope(from, ["pull"])];
}

export interface OperationMatch {
  readonly operation: Operation;
  readonly parameters: OperationParameters;
}

/**
 * Which operation a request asks for; undefined when the path belongs to none, `{ allowed }` when it does with other methods.
 *
 * The path may have its `/` and `:` escaped, as some clients send it. A parameter that does not follow its grammar
 * makes the path match nothing, as in the service (recorded: manifest-properties-malformed-digest).
 */
export function matchOperation(
  method: string,
  rawPath: string,
): OperationMatch | { readonly allowed: readonly string[] } | undefined {
  let path: string;
  try {
    path = decodeURIComponent(rawPath);
  } catch {
    return undefined;
  }
  const allowed = new Set<string>();
  for (const { pattern, operation } of PATTERNS) {
    const parameters = pattern.exec(path)?.groups as OperationParameters | undefined;
    if (parameters === undefined && !pattern.test(path)) continue;
    if (!followsGrammar(parameters ?? {})) continue;
    if (operation.method === method) return { operation, parameters: { ...parameters } };
    allowed.add(operation.method);
  }
  return allowed.size === 0 ? undefined : { allowed: [...allowed] };
}

const PATTERNS = Object.values(OPERATIONS).map((operation) => ({
  operation,
  // A trailing slash may be missing: clients write both `/v2` and `/v2/`, `uploads` and `uploads/`.
  pattern: new RegExp(
    `^${operation.path
      .replace(/\/$/, "/?")
      .replace(/\{(\w+)\}/g, (_, key: string) => (key === "name" ? "(?<name>.+)" : `(?<${key}>[^/]+)`))}$`,
  ),
}));

/** distribution's route has `[a-zA-Z0-9-_.=]+`; a leading dot is refused besides, for an upload's id may name a file. */
const UUID = /^[a-zA-Z0-9_=-][a-zA-Z0-9._=-]{0,127}$/;

function followsGrammar(parameters: OperationParameters): boolean {
  const { name, reference, digest, tag, uuid } = parameters;
  return (
    (name === undefined || isRepositoryName(name)) &&
    (reference === undefined || isTag(reference) || isDigest(reference)) &&
    (digest === undefined || isDigest(digest)) &&
    (tag === undefined || isTag(tag)) &&
    (uuid === undefined || UUID.test(uuid))
  );
}
