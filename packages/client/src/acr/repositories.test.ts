import { describe, expect, test } from "vitest";
import { ResourceNotFoundError, UnexpectedResponseError, UnsupportedOperationError } from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { inOrder, openRegistry, refusal, type ScriptedAnswer } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

// Recorded: repository-properties-get-set.
const RECORDED = {
  registry: "registry.example.azurecr.io",
  imageName: "library/hello-world",
  createdTime: "2023-02-28T18:36:40.4540615Z",
  lastUpdateTime: "2023-03-02T23:15:59.7262601Z",
  manifestCount: 13,
  tagCount: 7,
  changeableAttributes: { deleteEnabled: true, writeEnabled: false, readEnabled: true, listEnabled: false },
};
const ok = (body: object): ScriptedAnswer => ({ status: 200, body });
const without = (name: keyof typeof RECORDED) =>
  Object.fromEntries(Object.entries(RECORDED).filter(([key]) => key !== name));

test("every member of a repository is there", async () => {
  const registry = openRegistry(inOrder(ok({ ...RECORDED, teleportEnabled: false })));
  expect(await clientOf(registry).getRepositoryProperties("library/hello-world")).toEqual({
    registryLoginServer: "registry.example.azurecr.io",
    name: "library/hello-world",
    createdOn: new Date("2023-02-28T18:36:40.454Z"),
    lastUpdatedOn: new Date("2023-03-02T23:15:59.726Z"),
    manifestCount: 13,
    tagCount: 7,
    canDelete: true,
    canWrite: false,
    canRead: true,
    canList: false,
  });
  expect(registry.callLines).toEqual(["GET /acr/v1/library/hello-world"]);
});

test("locks that the registry does not tell are open", async () => {
  const { canDelete, canWrite, canRead, canList } = await clientOf(
    openRegistry(() => ok(without("changeableAttributes"))),
  ).getRepositoryProperties("app");
  expect({ canDelete, canWrite, canRead, canList }).toEqual({
    canDelete: true,
    canWrite: true,
    canRead: true,
    canList: true,
  });
});

describe("an answer that is no repository", () => {
  test.each(["registry", "imageName", "createdTime", "lastUpdateTime", "manifestCount", "tagCount"] as const)(
    "lacks %s",
    async (name) => {
      for (const body of [
        without(name),
        { ...RECORDED, [name]: null },
        { ...RECORDED, [name]: {} },
        { ...RECORDED, [name]: true },
      ]) {
        const call = clientOf(openRegistry(() => ok(body))).getRepositoryProperties("app");
        const error = await failureOf(call, UnexpectedResponseError);
        expect(error.message).toContain(name);
        expect(error).toMatchObject({ operation: "getRepositoryProperties", repository: "app", statusCode: 200 });
      }
    },
  );

  test.each([
    [{ createdTime: "yesterday" }],
    [{ lastUpdateTime: "" }],
    [{ manifestCount: "13" }],
    [{ manifestCount: -1 }],
    [{ tagCount: 1.5 }],
    [{ tagCount: 2 ** 60 }],
    [{ changeableAttributes: [] }],
    [{ changeableAttributes: "none" }],
  ])("has %o", async (changes) => {
    const call = clientOf(openRegistry(() => ok({ ...RECORDED, ...changes }))).getRepositoryProperties("app");
    await failureOf(call, UnexpectedResponseError);
  });

  test.each(["", "{", "null", "[]", '"text"', "<html></html>"])("is %j", async (body) => {
    const call = clientOf(openRegistry(() => ({ status: 200, body }))).getRepositoryProperties("app");
    await failureOf(call, UnexpectedResponseError);
  });

  test("reaches into no prototype", async () => {
    const body =
      '{"__proto__":{"registry":"r","imageName":"a","createdTime":"2023-01-01","lastUpdateTime":"2023-01-01","manifestCount":1,"tagCount":1}}';
    await failureOf(
      clientOf(openRegistry(() => ({ status: 200, body }))).getRepositoryProperties("app"),
      UnexpectedResponseError,
    );
  });
});

test("a repository that is not there is not found", async () => {
  // Recorded: repository-properties-not-found.
  const registry = openRegistry(() => refusal(404, "NAME_UNKNOWN", 'repository "wrong-name" is not found'));
  const error = await failureOf(clientOf(registry).getRepositoryProperties("wrong-name"), ResourceNotFoundError);
  expect(error.message).toBe(
    'getRepositoryProperties of wrong-name at registry.example.azurecr.io failed with status 404: NAME_UNKNOWN: repository "wrong-name" is not found. Check the name; a repository comes into being with the first push.',
  );
});

test("another registry does not offer this", async () => {
  const registry = openRegistry(() => ({
    status: 404,
    body: "404 page not found\n",
    headers: { "content-type": "text/plain" },
  }));
  const error = await failureOf(clientOf(registry).getRepositoryProperties("app"), UnsupportedOperationError);
  expect(error.hint).toMatch(/Only Azure Container Registry/);
});

describe("an update", () => {
  test.each([
    [{ canDelete: false }, { deleteEnabled: false }],
    [
      { canWrite: true, canRead: false },
      { writeEnabled: true, readEnabled: false },
    ],
    [
      { canDelete: true, canWrite: true, canRead: true, canList: true },
      { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true },
    ],
    [{ canList: undefined }, {}],
    [{}, {}],
  ])("of %o sends only that", async (properties, body) => {
    const registry = openRegistry(inOrder(ok(RECORDED)));
    const updated = await clientOf(registry).updateRepositoryProperties("app", properties as object);
    expect(updated).toMatchObject({ name: "library/hello-world", canWrite: false });
    expect(registry.callLines).toEqual(["PATCH /acr/v1/app"]);
    expect(registry.calls[0]?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(Buffer.from(registry.calls[0]?.body ?? []).toString())).toEqual(body);
  });

  test("of a repository that is not there is not found", async () => {
    const registry = openRegistry(() => refusal(404, "NAME_UNKNOWN", 'repository "app" is not found'));
    await failureOf(clientOf(registry).updateRepositoryProperties("app", {}), ResourceNotFoundError);
  });
});

describe("a delete", () => {
  test("tells what went", async () => {
    // Recorded: repository-delete.
    const body = {
      manifestsDeleted: ["sha256:f54a58bc1aac5ea1a25d796ae155dc228b3f0e11d046ae276b39c4bf2f13d8c4"],
      tagsDeleted: ["latest"],
    };
    expect(await clientOf(openRegistry(() => ({ status: 202, body }))).deleteRepository("hello-world")).toEqual({
      deletedManifests: body.manifestsDeleted,
      deletedTags: ["latest"],
    });
  });

  test("of what is not there took nothing along", async () => {
    // Recorded: repository-delete-not-found.
    const registry = openRegistry(() =>
      refusal(404, "NAME_UNKNOWN", "repository name not known to registry", { detail: { name: "library/busybox" } }),
    );
    expect(await clientOf(registry).deleteRepository("library/busybox")).toEqual({
      deletedManifests: [],
      deletedTags: [],
    });
  });

  test("of a repository without tags may say null", async () => {
    const registry = openRegistry(() => ({ status: 202, body: { manifestsDeleted: null } }));
    expect(await clientOf(registry).deleteRepository("app")).toEqual({ deletedManifests: [], deletedTags: [] });
  });
});
