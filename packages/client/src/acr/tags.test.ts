import { expect, test } from "vitest";
import { ResourceNotFoundError, UnexpectedResponseError } from "../errors/registry-error.ts";
import { clientOf, failureOf } from "../testing/client.ts";
import { inOrder, openRegistry, refusal } from "../testing/scripted-registry.ts";
import { failOnUnhandled } from "../testing/unhandled.ts";

failOnUnhandled();

// Recorded: tag-properties-get-set, tags-list-all.
const OPEN = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
const TEST1 = {
  name: "test1",
  digest: "sha256:6e8b6f026e0b9c419ea0fd02d3905dd0952ad1feea67543f525c73a0a790fefb",
  createdTime: "2023-02-28T18:36:41.1794832Z",
  lastUpdateTime: "2023-02-28T18:36:41.1794832Z",
  signed: false,
  changeableAttributes: OPEN,
};
const V1 = {
  ...TEST1,
  name: "v1",
  createdTime: "2023-03-02T23:16:00.535208Z",
  lastUpdateTime: "2023-03-02T23:16:00.535208Z",
};
const ENVELOPE = { registry: "registry.example.azurecr.io", imageName: "library/hello-world" };
const EXPECTED = {
  registryLoginServer: "registry.example.azurecr.io",
  repositoryName: "library/hello-world",
  name: "test1",
  digest: TEST1.digest,
  createdOn: new Date("2023-02-28T18:36:41.179Z"),
  lastUpdatedOn: new Date("2023-02-28T18:36:41.179Z"),
  canDelete: true,
  canWrite: true,
  canRead: true,
  canList: true,
};

test("every member of a tag is there", async () => {
  const registry = openRegistry(inOrder({ status: 200, body: { ...ENVELOPE, tag: TEST1 } }));
  expect(await clientOf(registry).getTagProperties("library/hello-world", "test1")).toEqual(EXPECTED);
  expect(registry.callLines).toEqual(["GET /acr/v1/library/hello-world/_tags/test1"]);
});

test("so they are in a list", async () => {
  const registry = openRegistry(inOrder({ status: 200, body: { ...ENVELOPE, tags: [TEST1, V1] } }));
  const tags = [];
  for await (const tag of clientOf(registry).listTagProperties("library/hello-world")) tags.push(tag);
  const later = new Date("2023-03-02T23:16:00.535Z");
  expect(tags).toEqual([EXPECTED, { ...EXPECTED, name: "v1", createdOn: later, lastUpdatedOn: later }]);
});

test("an update sends only what is given, and gives what the registry made of it", async () => {
  const locked = { ...TEST1, changeableAttributes: { ...OPEN, deleteEnabled: false } };
  const registry = openRegistry(inOrder({ status: 200, body: { ...ENVELOPE, tag: locked } }));
  const updated = await clientOf(registry).updateTagProperties("library/hello-world", "test1", { canDelete: false });
  expect(updated).toEqual({ ...EXPECTED, canDelete: false });
  expect(registry.callLines).toEqual(["PATCH /acr/v1/library/hello-world/_tags/test1"]);
  expect(JSON.parse(Buffer.from(registry.calls[0]?.body ?? []).toString())).toEqual({ deleteEnabled: false });
});

test.each(["name", "digest", "createdTime", "lastUpdateTime"])("a tag without %s is unexpected", async (name) => {
  for (const value of [undefined, null, 5]) {
    const tag = { ...TEST1, [name]: value };
    const registry = openRegistry(() => ({ status: 200, body: { ...ENVELOPE, tag, tags: [tag] } }));
    await failureOf(clientOf(registry).getTagProperties("app", "v1"), UnexpectedResponseError);
    await failureOf(clientOf(registry).listTagProperties("app").next(), UnexpectedResponseError);
  }
});

test.each([{}, { tag: null }, { tag: [] }, { tag: TEST1, registry: 5 }])("%o is no tag", async (changes) => {
  const registry = openRegistry(() => ({ status: 200, body: { ...("tag" in changes ? ENVELOPE : {}), ...changes } }));
  await failureOf(clientOf(registry).getTagProperties("app", "v1"), UnexpectedResponseError);
});

test.each([[null], ["v1"], [[]]])("%o is no entry of a list", async (tag) => {
  const registry = openRegistry(() => ({ status: 200, body: { ...ENVELOPE, tags: [tag] } }));
  await failureOf(clientOf(registry).listTagProperties("app").next(), UnexpectedResponseError);
});

test("a tag that is not there is not found", async () => {
  // Recorded: tag-properties-not-found, tag-update-not-found.
  const registry = openRegistry(() => refusal(404, "TAG_UNKNOWN", "the specified tag does not exist"));
  const client = clientOf(registry);
  const error = await failureOf(client.getTagProperties("team/app", "v1"), ResourceNotFoundError);
  expect(error.message).toContain(
    "getTagProperties of team/app:v1 at registry.example.azurecr.io failed with status 404: TAG_UNKNOWN",
  );
  await failureOf(client.updateTagProperties("team/app", "v1", { canRead: true }), ResourceNotFoundError);
});
