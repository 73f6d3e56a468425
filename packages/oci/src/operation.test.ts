import { describe, expect, test } from "vitest";
import { headerValues, recordedExchanges, recordingsPresent } from "../test/recordings.ts";
import { parseChallenges } from "./auth/challenge.ts";
import { formatScopes, parseScopes } from "./auth/scope.ts";
import {
  matchOperation,
  OPERATIONS,
  type Operation,
  type OperationName,
  type OperationParameters,
  operationPath,
  operationScopes,
} from "./operation.ts";

const DIGEST = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const UUID = "949f35c4-150d-4e7c-8a15-c8a55d16f9a2";
const operations = Object.values(OPERATIONS);

const found = (method: string, path: string) => {
  const match = matchOperation(method, path);
  return match !== undefined && "operation" in match ? [match.operation.name, match.parameters] : match;
};

// OCI distribution-spec v1.1.1, "Endpoints" (end-1 … end-13); ACR REST API 2021-07-01.
const ADDRESSES: [OperationName, string, string, OperationParameters][] = [
  ["checkApi", "GET", "/v2/", {}],
  ["listRepositoriesV2", "GET", "/v2/_catalog", {}],
  ["listTagsV2", "GET", "/v2/a/b/tags/list", { name: "a/b" }],
  ["getManifest", "GET", "/v2/a/b/manifests/latest", { name: "a/b", reference: "latest" }],
  ["getManifest", "GET", `/v2/a/manifests/${DIGEST}`, { name: "a", reference: DIGEST }],
  ["headManifest", "HEAD", "/v2/a/manifests/latest", { name: "a", reference: "latest" }],
  ["putManifest", "PUT", "/v2/a/manifests/latest", { name: "a", reference: "latest" }],
  ["deleteManifest", "DELETE", `/v2/a/manifests/${DIGEST}`, { name: "a", reference: DIGEST }],
  ["listReferrers", "GET", `/v2/a/referrers/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["startUpload", "POST", "/v2/a/b/blobs/uploads/", { name: "a/b" }],
  ["getUpload", "GET", `/v2/a/blobs/uploads/${UUID}`, { name: "a", uuid: UUID }],
  ["patchUpload", "PATCH", `/v2/a/blobs/uploads/${UUID}`, { name: "a", uuid: UUID }],
  ["finishUpload", "PUT", `/v2/a/blobs/uploads/${UUID}`, { name: "a", uuid: UUID }],
  ["cancelUpload", "DELETE", `/v2/a/blobs/uploads/${UUID}`, { name: "a", uuid: UUID }],
  ["getBlob", "GET", `/v2/a/b/blobs/${DIGEST}`, { name: "a/b", digest: DIGEST }],
  ["headBlob", "HEAD", `/v2/a/blobs/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["deleteBlob", "DELETE", `/v2/a/blobs/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["listRepositories", "GET", "/acr/v1/_catalog", {}],
  ["listDeletedRepositories", "GET", "/acr/v1/_deleted/_catalog", {}],
  ["listDeletedManifests", "GET", "/acr/v1/_deleted/a/b/_manifests", { name: "a/b" }],
  ["listDeletedTags", "GET", "/acr/v1/_deleted/a/_tags", { name: "a" }],
  ["restoreManifest", "POST", `/acr/v1/_deleted/a/_manifests/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["listTags", "GET", "/acr/v1/a/b/_tags", { name: "a/b" }],
  ["getTag", "GET", "/acr/v1/a/_tags/v1", { name: "a", tag: "v1" }],
  ["updateTag", "PATCH", "/acr/v1/a/_tags/v1", { name: "a", tag: "v1" }],
  ["deleteTag", "DELETE", "/acr/v1/a/_tags/v1", { name: "a", tag: "v1" }],
  ["listManifests", "GET", "/acr/v1/a/_manifests", { name: "a" }],
  ["getManifestAttributes", "GET", `/acr/v1/a/_manifests/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["updateManifest", "PATCH", `/acr/v1/a/_manifests/${DIGEST}`, { name: "a", digest: DIGEST }],
  ["getRepository", "GET", "/acr/v1/a/b", { name: "a/b" }],
  ["updateRepository", "PATCH", "/acr/v1/a/b", { name: "a/b" }],
  ["deleteRepository", "DELETE", "/acr/v1/a/b", { name: "a/b" }],
];

describe("addresses", () => {
  test.each(ADDRESSES)("%s is %s %s, both ways", (name, method, path, parameters) => {
    expect(operationPath(name, parameters)).toBe(path);
    expect(OPERATIONS[name].method).toBe(method);
    expect(found(method, path)).toEqual([name, parameters]);
  });

  test("no operation is left out here, and none is there twice", () => {
    expect([...new Set(ADDRESSES.map(([name]) => name))]).toEqual(Object.keys(OPERATIONS));
    expect(new Set(operations.map(({ method, path }) => `${method} ${path}`)).size).toBe(operations.length);
  });

  test("a missing parameter is a mistake in the program", () => {
    expect(() => operationPath("getTag", { name: "a" })).toThrow(TypeError);
    expect(() => operationScopes("getTag", undefined)).toThrow(TypeError);
  });
});

describe("matching", () => {
  test("names and digests may be escaped: %2F and / are routed alike (recorded: catalog-paged, manifest-get-docker)", () => {
    const escaped = encodeURIComponent(DIGEST);
    expect(found("GET", `/v2/library%2Fhello-world/manifests/${escaped}`)).toEqual([
      "getManifest",
      { name: "library/hello-world", reference: DIGEST },
    ]);
    expect(found("GET", `/v2/library%2fhello-world/blobs/${DIGEST}`)).toEqual([
      "getBlob",
      { name: "library/hello-world", digest: DIGEST },
    ]);
    expect(found("PATCH", "/acr/v1/library%2Fhello-world")).toEqual([
      "updateRepository",
      { name: "library/hello-world" },
    ]);
  });

  test("a trailing slash may be missing where the address has one", () => {
    expect(found("GET", "/v2")).toEqual(["checkApi", {}]);
    expect(found("POST", "/v2/a/blobs/uploads")).toEqual(["startUpload", { name: "a" }]);
  });

  test.each([
    ["GET", "/acr/v1/hello-world/_manifests/wrong-digest", "recorded: manifest-properties-malformed-digest"],
    ["GET", "/acr/v1/a/_manifests/sha256:abc", "a digest too short"],
    ["GET", "/v2/a/blobs/latest", "a tag where a digest belongs"],
    ["GET", `/v2/a/referrers/${DIGEST}x`, "a digest too long"],
    ["GET", "/v2/a/manifests/.hidden", "not a tag"],
    ["GET", "/v2/A/manifests/latest", "upper case in the name"],
    ["GET", `/v2/${"a".repeat(256)}/manifests/latest`, "a name too long"],
    ["GET", "/v2/a/../b/manifests/latest", "a path in the name"],
    ["GET", "/v2/a%2F..%2Fb/manifests/latest", "an escaped path in the name"],
    ["GET", "/v2/a%252Fb/manifests/latest", "escaped twice"],
    ["GET", "/v2//manifests/latest", "no name"],
    ["GET", "/v2/manifests/latest", "no name"],
    ["GET", "/v2/a/manifests/", "no reference"],
    ["GET", "/acr/v1/", "no repository"],
    ["GET", "/acr/v1/a/", "a slash too many"],
    ["GET", "/acr/v1/a/_tags/", "no tag"],
    ["GET", "/acr/v1/_unknown", "no such list"],
    ["GET", "/acr/v2/a", "no such version"],
    ["GET", "/", "nothing"],
    ["GET", "", "nothing"],
    ["GET", "/v2/%E0%A4%A/manifests/latest", "broken escapes"],
    ["GET", "/v2/a/manifests/latest\n", "a line end"],
    ["PATCH", "/v2/a/blobs/uploads/..", "an upload id that is a path"],
    ["PATCH", "/v2/a/blobs/uploads/%2e%2e", "the same, escaped"],
    ["PATCH", "/v2/a/blobs/uploads/.hidden", "an upload id that names a hidden file"],
    ["PATCH", "/v2/a/blobs/uploads/a%00b", "an upload id with a NUL"],
    ["PATCH", `/v2/a/blobs/uploads/${"a".repeat(129)}`, "an upload id longer than a file name"],
  ])("%s %.80s is no operation (%s)", (method, path) => expect(matchOperation(method, path)).toBeUndefined());

  test.each([
    ["POST", "/v2/", ["GET"]],
    ["DELETE", "/v2/_catalog", ["GET"]],
    ["POST", "/v2/a/manifests/latest", ["GET", "HEAD", "PUT", "DELETE"]],
    ["GET", "/v2/a/blobs/uploads/", ["POST"]],
    ["POST", `/v2/a/blobs/uploads/${UUID}`, ["GET", "PATCH", "PUT", "DELETE"]],
    ["PUT", `/v2/a/blobs/${DIGEST}`, ["GET", "HEAD", "DELETE"]],
    ["POST", "/acr/v1/_catalog", ["GET"]],
    ["DELETE", "/acr/v1/a/_tags", ["GET"]],
    ["PUT", "/acr/v1/a/_tags/v1", ["GET", "PATCH", "DELETE"]],
    ["DELETE", `/acr/v1/a/_manifests/${DIGEST}`, ["GET", "PATCH"]],
    ["POST", "/acr/v1/a", ["GET", "PATCH", "DELETE"]],
    ["get", "/v2/", ["GET"]],
  ])("%s %s tells which methods there are", (method, path, allowed) => {
    expect(matchOperation(method, path)).toEqual({ allowed });
  });

  test("repository names made of the words of the paths are still names", () => {
    expect(found("GET", "/v2/manifests/manifests/manifests")).toEqual([
      "getManifest",
      { name: "manifests", reference: "manifests" },
    ]);
    expect(found("GET", "/v2/a/blobs/uploads/tags/list")).toEqual(["listTagsV2", { name: "a/blobs/uploads" }]);
    expect(found("GET", `/v2/blobs/blobs/${DIGEST}`)).toEqual(["getBlob", { name: "blobs", digest: DIGEST }]);
    expect(found("GET", "/acr/v1/tags/_tags/tags")).toEqual(["getTag", { name: "tags", tag: "tags" }]);
  });

  test("a hostile megabyte is refused fast", () => {
    for (const unit of ["/manifests/a", "a", "/", "%2F", "/_tags/a", "/blobs/uploads/"]) {
      expect(matchOperation("GET", `/v2/${unit.repeat(1_000_000 / unit.length)}/`)).toBeUndefined();
    }
  });
});

describe("scopes", () => {
  const text = (name: OperationName, from?: string) => formatScopes(operationScopes(name, "a/b", from));

  test.each<[OperationName, string]>([
    ["checkApi", ""],
    ["listRepositoriesV2", "registry:catalog:*"],
    ["listTagsV2", "repository:a/b:metadata_read"],
    ["listReferrers", "repository:a/b:pull"],
    ["getUpload", "repository:a/b:pull,push"],
    ["cancelUpload", "repository:a/b:pull,push"],
    ["listDeletedRepositories", "registry:deleted_catalog:*"],
    ["listDeletedManifests", "repository:a/b:deleted_read"],
    ["listDeletedTags", "repository:a/b:deleted_read"],
    ["restoreManifest", "repository:a/b:deleted_restore"],
  ])("of %s, which no recording shows (acr-protocol 2.2): %j", (name, scope) => expect(text(name)).toBe(scope));

  test("a mount needs to pull from the other repository, unless it is the same one", () => {
    expect(text("startUpload", "other")).toBe("repository:a/b:pull,push repository:other:pull");
    expect(text("startUpload", "a/b")).toBe("repository:a/b:pull,push");
  });

  test("operations without a repository need none", () => {
    expect(operationScopes("checkApi", undefined)).toEqual([]);
    expect(formatScopes(operationScopes("listRepositories", undefined))).toBe("registry:catalog:*");
  });
});

describe.skipIf(!recordingsPresent)("recorded traffic", () => {
  const exchanges = recordedExchanges().filter(({ request }) => !request.path.startsWith("/oauth2/"));

  test("every request but the one that the service does not route is exactly one operation", () => {
    const unrouted = exchanges.filter(({ request }) => matching(request.method, request.path).length !== 1);
    expect(unrouted.map(({ name }) => name)).toEqual(["manifest-properties-malformed-digest#0"]);
    for (const { name, request } of exchanges) {
      const [only] = matching(request.method, request.path);
      const match = matchOperation(request.method, request.path);
      expect(match && "operation" in match ? match.operation : undefined, name).toBe(only);
    }
  });

  test("every challenge asks for the scope that the table foretells", () => {
    const challenged = exchanges.filter(({ response }) => response.status === 401);
    expect(challenged.length).toBeGreaterThan(30);
    for (const { name, request, response } of challenged) {
      const [challenge] = parseChallenges(headerValues(response, "www-authenticate")[0] ?? "");
      const match = matchOperation(request.method, request.path);
      if (match === undefined || !("operation" in match)) throw new Error(`${name} matches no operation`);
      const foretold = operationScopes(match.operation.name, match.parameters.name);
      expect(formatScopes(foretold), name).toBe(formatScopes(parseScopes(challenge?.parameters.scope ?? "")));
    }
  });

  test("the recordings show these operations; a new one among them should be looked at", () => {
    const seen = new Set(exchanges.flatMap(({ request }) => matching(request.method, request.path)));
    expect(operations.filter((operation) => !seen.has(operation)).map(({ name }) => name)).toEqual([
      "listRepositoriesV2",
      "listTagsV2",
      "headManifest",
      "listReferrers",
      "getUpload",
      "cancelUpload",
      "listDeletedRepositories",
      "listDeletedManifests",
      "listDeletedTags",
      "restoreManifest",
    ]);
  });
});

/** Matching done once more, segment by segment and for all operations, as a witness for "exactly one". */
function matching(method: string, rawPath: string): readonly Operation[] {
  const actual = decodeURIComponent(rawPath).split("/");
  return operations.filter((operation) => operation.method === method && fits(operation.path.split("/"), actual));
}

function fits(template: readonly string[], actual: readonly string[]): boolean {
  const [word, ...rest] = template;
  if (word === undefined) return actual.length === 0;
  const [segment] = actual;
  if (segment === undefined) return false;
  if (word === "{name}") {
    return actual.some((_, end) => {
      const name = actual.slice(0, end + 1);
      return name.every((part) => /^[a-z0-9][a-z0-9._-]*$/.test(part)) && fits(rest, actual.slice(end + 1));
    });
  }
  const pattern = {
    "{digest}": /^sha256:\w{64}$/,
    "{reference}": /^\w[\w.:-]*$/,
    "{tag}": /^\w[\w.-]*$/,
    "{uuid}": /^[\w-]+$/,
  };
  const fitting = word in pattern ? pattern[word as keyof typeof pattern].test(segment) : word === segment;
  return fitting && fits(rest, actual.slice(1));
}
