import { describe, expect, test } from "vitest";
import { Seeded } from "../../test/seeded.ts";
import { InvalidInputError } from "../errors.ts";
import {
  CATALOG_SCOPE,
  formatScope,
  formatScopes,
  isCovered,
  parseScope,
  parseScopes,
  repositoryScope,
} from "./scope.ts";

describe("parsing (distribution, Token Scope Documentation)", () => {
  test.each([
    ["repository:samalba/my-app:pull,push", "repository", "samalba/my-app", ["pull", "push"]],
    ["registry:catalog:*", "registry", "catalog", ["*"]],
    ["repository:localhost:5000/app:pull", "repository", "localhost:5000/app", ["pull"]],
    ["repository(plugin):samalba/my-app:pull", "repository(plugin)", "samalba/my-app", ["pull"]],
    ["repository:app:", "repository", "app", []],
    ["repository:app:push,pull,,push", "repository", "app", ["pull", "push"]],
    ["artifact-repository:repo:*", "artifact-repository", "repo", ["*"]],
  ])("%s", (text, type, name, actions) => {
    expect(parseScope(text)).toEqual({ type, name, actions });
  });

  test.each(["", "repository", "repository:app", ":app:pull", "repository::pull", ":::"])("refuses %j", (text) => {
    expect(() => parseScope(text)).toThrow(InvalidInputError);
  });

  test("several, separated by spaces", () => {
    expect(parseScopes(" repository:a:pull  registry:catalog:* ")).toEqual([
      repositoryScope("a", ["pull"]),
      CATALOG_SCOPE,
    ]);
    expect(parseScopes("")).toEqual([]);
    expect(() => parseScopes("repository:a:pull nonsense")).toThrow(InvalidInputError);
  });
});

describe("writing", () => {
  test("push,pull and pull,push are one scope (both recorded in blob-upload-chunked-content-range)", () => {
    const [one, other] = ["repository:hello-world-test:push,pull", "repository:hello-world-test:pull,push"].map(
      parseScope,
    );
    expect(one).toEqual(other);
    expect(formatScope(repositoryScope("a", ["push", "pull"]))).toBe("repository:a:pull,push");
    expect(formatScope({ type: "repository", name: "a", actions: ["push", "pull", "pull"] })).toBe(
      "repository:a:pull,push",
    );
  });

  test("several in an order of their own, each once", () => {
    const [a, b] = [repositoryScope("a", ["push", "pull"]), repositoryScope("b", ["pull"])];
    expect(formatScopes([b, a, b])).toBe("repository:a:pull,push repository:b:pull");
    expect(formatScopes([a, b])).toBe(formatScopes([b, a, a]));
    expect(formatScopes([])).toBe("");
  });

  test("what is written reads back as the same scope", () => {
    const random = new Seeded();
    for (let round = 0; round < 500; round++) {
      const scope = repositoryScope(
        random.pick(["a", "library/alpine", "localhost:5000/app", "*"]),
        Array.from({ length: random.below(4) }, () => random.pick(["pull", "push", "delete", "metadata_read", "*"])),
      );
      expect(parseScope(formatScope(scope)), `seed ${random.seed}`).toEqual(scope);
    }
  });
});

describe("being covered", () => {
  const wanted = repositoryScope("app", ["pull", "push"]);
  test.each([
    ["the same", ["repository:app:push,pull"], true],
    ["more than wanted", ["repository:app:delete,pull,push"], true],
    ["one action of two", ["repository:app:pull"], false],
    ["both actions, from two scopes", ["repository:app:pull", "repository:app:push"], true],
    ["every action", ["repository:app:*"], true],
    ["every repository", ["repository:*:pull,push"], true],
    ["every repository, one action too few", ["repository:*:pull"], false],
    ["another repository", ["repository:app2:pull,push"], false],
    ["a repository below", ["repository:app/sub:pull,push"], false],
    ["another type", ["registry:app:*"], false],
    ["a star that is no whole name", ["repository:a*:pull,push"], false],
    ["nothing", [], false],
  ])("by %s: %j", (_, granted, covered) => {
    expect(isCovered(wanted, granted.map(parseScope))).toBe(covered);
  });

  test("a star that is wanted is not covered by any list of actions", () => {
    expect(isCovered(CATALOG_SCOPE, [CATALOG_SCOPE])).toBe(true);
    expect(isCovered(CATALOG_SCOPE, [parseScope("registry:catalog:metadata_read,pull,push,delete")])).toBe(false);
  });
});
