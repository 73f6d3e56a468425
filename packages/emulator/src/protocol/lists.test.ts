import { parseNextLink } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestRegistry, testRegistry } from "../testing/in-process.ts";

const CATALOG = "registry:catalog:*";
const READ = "repository:team/app:metadata_read";

describe("lists (3.11)", () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await testRegistry();
    for (const name of ["team/app", "beta", "alpha"]) await registry.pushImage(name, "v1");
    // Pushed in an order that is not that of the names.
    for (const tag of ["v3", "v2", "latest", "v1"])
      await registry.pushImage("team/app", tag, { layer: `layer ${tag}` });
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const walk = async (target: string, scope: string, pick: (json: never) => string[], meanwhile = async () => {}) => {
    const pages: string[][] = [];
    for (let next: string | undefined = target; next !== undefined; ) {
      const answer = await registry.send("GET", next, { scope });
      expect(answer.status).toBe(200);
      pages.push(pick(answer.json as never));
      next = parseNextLink(answer.header("link") ?? "");
      await meanwhile();
    }
    return pages;
  };
  const repositories = ({ repositories }: { repositories: string[] }) => repositories;
  const tagNames = ({ tags }: { tags: { name: string }[] }) => tags.map(({ name }) => name);

  it("give repositories in ascending order (3.1)", async () => {
    const answer = await registry.send("GET", "/acr/v1/_catalog", { scope: CATALOG });
    expect(answer.json).toEqual({ repositories: ["alpha", "beta", "team/app"] });
    expect(answer.header("link")).toBeUndefined();
  });

  it("give an empty list for an empty registry (3.1, unseen)", async () => {
    await using empty = await testRegistry();
    expect((await empty.send("GET", "/acr/v1/_catalog", { scope: CATALOG })).json).toEqual({ repositories: [] });
  });

  it.for(["/acr/v1/_catalog", "/v2/_catalog"])(
    "link the next page of %s: relative, orderby always, api-version never",
    async (path) => {
      const answer = await registry.send("GET", `${path}?n=2&api-version=2021-07-01`, { scope: CATALOG });
      expect(answer.json).toEqual({ repositories: ["alpha", "beta"] });
      expect(answer.header("link")).toBe(`<${path}?last=beta&n=2&orderby=>; rel="next"`);
    },
  );

  it("escape names in the Link, and repeat orderby", async () => {
    const catalog = await registry.send("GET", "/acr/v1/_catalog?last=b&n=1&orderby=none", { scope: CATALOG });
    expect(catalog.json).toEqual({ repositories: ["beta"] });
    const tags = await registry.send("GET", "/acr/v1/team/app/_tags?n=1&orderby=timedesc", { scope: READ });
    expect(tags.header("link")).toBe('</acr/v1/team%2Fapp/_tags?last=v1&n=1&orderby=timedesc>; rel="next"');
    const v2 = await registry.send("GET", "/v2/team/app/tags/list?n=1", { scope: READ });
    expect(v2.header("link")).toBe('</v2/team%2Fapp/tags/list?last=latest&n=1&orderby=>; rel="next"');
    const manifests = await registry.send("GET", "/acr/v1/team/app/_manifests?n=1", { scope: READ });
    expect(manifests.header("link")).toMatch(
      /^<\/acr\/v1\/team%2Fapp\/_manifests\?last=sha256%3A[0-9a-f]{64}&n=1&orderby=>; rel="next"$/,
    );
  });

  it("end without a Link when the last page is exactly full", async () => {
    expect(await walk("/acr/v1/_catalog?n=3", CATALOG, repositories)).toEqual([["alpha", "beta", "team/app"]]);
    expect(await walk("/acr/v1/_catalog?n=1", CATALOG, repositories)).toEqual([["alpha"], ["beta"], ["team/app"]]);
  });

  it("start behind any value of last, an unescaped slash included", async () => {
    const answer = await registry.send("GET", "/acr/v1/_catalog?last=team/a", { scope: CATALOG });
    expect(answer.json.repositories).toEqual(["team/app"]);
  });

  it("page the catalog at 100 when not asked, and cap n at 1000", async () => {
    await using large = await testRegistry();
    const time = "2020-01-01T00:00:00Z";
    const attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };
    const { store } = large.registry.context;
    store.transaction(() => {
      for (let index = 0; index < 1100; index++) {
        store.repositories.put({
          name: `r${String(index).padStart(4, "0")}`,
          createdTime: time,
          lastUpdateTime: time,
          attributes,
        });
      }
    });
    const page = async (query: string) => large.send("GET", `/acr/v1/_catalog${query}`, { scope: CATALOG });
    expect((await page("")).json.repositories).toHaveLength(100);
    expect((await page("")).header("link")).toContain("&n=100&");
    expect((await page("?n=5000")).json.repositories).toHaveLength(1000);
    expect((await page("?n=5000")).header("link")).toContain("last=r0999&n=1000&");
  });

  it.for(["0", "-1", "many", "1.5", "1e3"])("refuse n=%s (unseen)", async (n) => {
    const answer = await registry.send("GET", `/acr/v1/_catalog?n=${n}`, { scope: CATALOG });
    expect([answer.status, answer.json.errors[0].code]).toEqual([400, "PAGINATION_NUMBER_INVALID"]);
  });

  it.for([
    ["", ["latest", "v1", "v2", "v3"]],
    ["none", ["latest", "v1", "v2", "v3"]],
    ["timedesc", ["v1", "latest", "v2", "v3"]],
    ["timeasc", ["v3", "v2", "latest", "v1"]],
  ] as const)("order tags by orderby=%s, whatever the page size (3.5)", async ([orderby, names]) => {
    for (const n of [1, 2, 3, 4, 100]) {
      const pages = await walk(`/acr/v1/team/app/_tags?orderby=${orderby}&n=${n}`, READ, tagNames);
      expect(pages.flat()).toEqual(names);
    }
  });

  it("go on behind an entry that was deleted meanwhile, also by time", async () => {
    for (const tag of ["a", "b", "c", "d"]) await registry.pushImage("purged", tag);
    for (const orderby of ["", "timeasc", "timedesc"]) {
      const scope = "repository:purged:metadata_read,delete";
      const target = `/acr/v1/purged/_tags?n=1&orderby=${orderby}`;
      const left: string[] = [];
      for (let next: string | undefined = target; next !== undefined; ) {
        const answer = await registry.send("GET", next, { scope });
        const [name = ""] = tagNames(answer.json);
        left.push(name);
        await registry.send("DELETE", `/acr/v1/purged/_tags/${name}`, { scope });
        next = parseNextLink(answer.header("link") ?? "");
      }
      expect([...left].sort()).toEqual(["a", "b", "c", "d"]);
      for (const tag of ["a", "b", "c", "d"]) await registry.pushImage("purged", tag);
    }
  });

  it("keep entries of the same time apart (3.5)", async () => {
    await using frozen = await testRegistry();
    const { store } = frozen.registry.context;
    await frozen.pushImage("same", "t0");
    const seeded = store.tags.get("same", "t0");
    if (seeded === undefined) throw new Error("the push left no tag");
    for (let index = 1; index < 10; index++) store.tags.put("same", { ...seeded, name: `t${index}` });
    const scope = "repository:same:metadata_read";
    for (const orderby of ["timeasc", "timedesc"]) {
      const seen: string[] = [];
      for (let next: string | undefined = `/acr/v1/same/_tags?n=3&orderby=${orderby}`; next !== undefined; ) {
        const answer = await frozen.send("GET", next, { scope });
        seen.push(...tagNames(answer.json));
        next = parseNextLink(answer.header("link") ?? "");
      }
      expect([...new Set(seen)].sort()).toEqual(Array.from({ length: 10 }, (_, index) => `t${index}`));
      expect(seen).toHaveLength(10);
    }
  });

  it("give the tags of one digest (3.5, unseen)", async () => {
    const digest = (await registry.send("GET", "/acr/v1/team/app/_tags/v2", { scope: READ })).json.tag.digest;
    const names = async (query: string) =>
      tagNames((await registry.send("GET", `/acr/v1/team/app/_tags?digest=${query}`, { scope: READ })).json);
    expect(await names(digest)).toEqual(["v2"]);
    expect(await names(encodeURIComponent(digest))).toEqual(["v2"]);
    expect(await names("nonsense")).toEqual([]);
  });

  it("give manifests by digest, and by time (3.8)", async () => {
    const list = async (orderby: string) => {
      const answer = await registry.send("GET", `/acr/v1/team/app/_manifests?orderby=${orderby}`, { scope: READ });
      return (answer.json.manifests as { digest: string; lastUpdateTime: string }[]).map((one) => one);
    };
    const digests = (await list("")).map(({ digest }) => digest);
    expect(digests).toHaveLength(5);
    expect(digests).toEqual([...digests].sort());
    const times = (await list("timedesc")).map(({ lastUpdateTime }) => Date.parse(lastUpdateTime));
    expect(times).toEqual([...times].sort((a, b) => b - a));
  });

  it("give tags under /v2 as well (4.6)", async () => {
    const answer = await registry.send("GET", "/v2/team/app/tags/list", { scope: READ });
    expect(answer.json).toEqual({ name: "team/app", tags: ["latest", "v1", "v2", "v3"] });
    const none = await registry.send("GET", "/v2/none/tags/list", { scope: "repository:none:metadata_read" });
    expect([none.status, none.json.errors[0].code]).toEqual([404, "NAME_UNKNOWN"]);
  });
});
