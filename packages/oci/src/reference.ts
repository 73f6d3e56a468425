import { type Digest, isDigest, parseDigest } from "./digest.ts";
import { InvalidInputError, shorten } from "./errors.ts";

/** `registry/repository:tag@digest`, taken apart. A text without a registry has `registry: undefined`. */
export interface Reference {
  /** Host, with its port if there is one: `myregistry.azurecr.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string | undefined;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

// OCI distribution-spec v1.1.1, "Pulling manifests".
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
// distribution reference grammar: domain-name or bracketed IPv6, then an optional port.
const DOMAIN_COMPONENT = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const REGISTRY = new RegExp(`^(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);

/** "Many clients impose a limit of 255 characters on the length of the concatenation of the registry hostname, … and <name>". */
const MAX_REPOSITORY_CHARACTERS = 255;

/** True when `text` is a repository name: lower-case components joined by `/`, at most 255 characters. */
export function isRepositoryName(text: string): boolean {
  return text.length <= MAX_REPOSITORY_CHARACTERS && REPOSITORY.test(text);
}

/** True when `text` is a tag: at most 128 of letters, digits, `_`, `.` and `-`, not starting with `.` or `-`. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** @throws {InvalidInputError} not a repository name */
export function parseRepositoryName(text: string): string {
  if (typeof text === "string" && isRepositoryName(text)) return text;
  throw new InvalidInputError(
    "repository name",
    text,
    "expected lower-case letters and digits, separated by '.', '_', '__' or '-', in components joined by '/', at most 255 characters",
  );
}

/** @throws {InvalidInputError} not a tag */
export function parseTag(text: string): string {
  if (typeof text === "string" && isTag(text)) return text;
  throw new InvalidInputError(
    "tag",
    text,
    "expected 1 to 128 letters, digits, '_', '.' or '-', not starting with '.' or '-'",
  );
}

/** A tag or a digest, told apart by the colon, which no tag can hold. */
export type TagOrDigest = { readonly tag: string } | { readonly digest: Digest };

/** @throws {InvalidInputError} neither a tag nor a digest */
export function parseTagOrDigest(text: string): TagOrDigest {
  if (typeof text === "string" && text.includes(":")) return { digest: parseDigest(text) };
  return { tag: parseTag(text) };
}

/**
 * Takes an image reference apart.
 *
 * The first component is a registry when it holds a `.` or a `:`, is `localhost`, or has an upper-case letter, as in
 * docker; otherwise it belongs to the repository. No registry, `library/` or `latest` is made up.
 *
 * @throws {InvalidInputError} a part does not follow its grammar
 * @see distribution reference grammar; OCI distribution-spec v1.1.1, "Pulling manifests"
 * @example
 * ```ts
 * import { parseReference } from "@acrkit/oci";
 * const { registry, repository, tag } = parseReference("localhost:5000/team/app:v1");
 * ```
 */
export function parseReference(text: string): Reference {
  const fail = (problem: string) => new InvalidInputError("reference", text, problem);
  if (typeof text !== "string" || text === "")
    throw fail("expected registry/repository:tag or registry/repository@digest");

  const at = text.indexOf("@");
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest)) throw fail("what follows '@' is not a digest");
  const named = at < 0 ? text : text.slice(0, at);

  // A tag's colon stands behind the last slash; a port's colon before it.
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const path = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !isTag(tag)) throw fail(`${shorten(tag)} is not a tag`);

  const { registry, repository } = splitRegistry(path);
  if (registry !== undefined && !REGISTRY.test(registry)) throw fail(`${shorten(registry)} is not a registry host`);
  if (!isRepositoryName(repository)) throw fail(`${shorten(repository)} is not a repository name`);
  return { registry, repository, tag, digest };
}

/**
 * The text of a reference; of one that came out of `parseReference`, the very text that went in.
 *
 * A reference put together by hand reads back otherwise when it has no registry and its repository starts like one
 * (`localhost/app`).
 */
export function formatReference(reference: Reference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry === undefined ? "" : `${registry}/`}${repository}${tag === undefined ? "" : `:${tag}`}${
    digest === undefined ? "" : `@${digest}`
  }`;
}

function splitRegistry(path: string): { registry: string | undefined; repository: string } {
  const slash = path.indexOf("/");
  const first = slash < 0 ? "" : path.slice(0, slash);
  if (/[.:A-Z]/.test(first) || first === "localhost") return { registry: first, repository: path.slice(slash + 1) };
  return { registry: undefined, repository: path };
}
