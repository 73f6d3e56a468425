import { formatScopes, parseScope, parseScopes } from "@acrkit/oci";
import { describe, expect, it } from "vitest";
import { type Action, ALL_ACTIONS } from "./actions.ts";
import { assertPattern, EVERYTHING, isPermitted, type Permissions, permit } from "./permissions.ts";

const granted = (permissions: Permissions, asked: string, options?: { wildcards: boolean }) =>
  permit(permissions, parseScopes(asked), options).map(({ name, actions }) => `${name}:${actions.join(",")}`);

const reader: Permissions = [{ repositories: "*", actions: ["catalog", "pull", "metadata_read"] }];
const narrow: Permissions = [
  { repositories: "samples/*", actions: ["pull"] },
  { repositories: "samples/app", actions: ["push"] },
  { repositories: "exact", actions: ["delete"] },
];

describe("what is granted of the scopes asked for", () => {
  it.for<[string, Permissions, string, string[]]>([
    ["all of it", EVERYTHING, "repository:a:pull,push", ["a:pull,push"]],
    ["a part", reader, "repository:a:pull,push", ["a:pull"]],
    ["nothing", reader, "repository:a:push", []],
    ["some of several", reader, "repository:a:pull repository:b:push registry:catalog:*", ["a:pull", "catalog:*"]],
    ["whatever is allowed, for a star", reader, "repository:a:*", ["a:pull,metadata_read"]],
    ["the star itself, to who may do everything", EVERYTHING, "repository:a:*", ["a:*"]],
    ["every repository", EVERYTHING, "repository:*:*", ["*:*"]],
    ["every repository, in part", reader, "repository:*:*", ["*:pull,metadata_read"]],
    ["names that begin alike", narrow, "repository:samples/web:pull,push", ["samples/web:pull"]],
    ["the sum of several grants", narrow, "repository:samples/app:pull,push", ["samples/app:pull,push"]],
    ["no more than the exact name", narrow, "repository:exact2:delete repository:exact/sub:delete", []],
    ["not the folder of a prefix", narrow, "repository:samples:pull", []],
    ["no wildcard from a prefix", narrow, "repository:*:pull repository:samples/*:pull", ["samples/*:pull"]],
    ["no catalog without it", narrow, "registry:catalog:*", []],
    ["the bins, with the right to look into each", EVERYTHING, "registry:deleted_catalog:*", ["deleted_catalog:*"]],
    ["no bins without it", reader, "registry:deleted_catalog:*", []],
    ["nothing else of the registry", EVERYTHING, "registry:other:*", []],
    ["nothing of another type", EVERYTHING, "artifact-repository:repo:pull repository(plugin):a:pull", []],
    ["no unknown action", EVERYTHING, "repository:a:catalog,fly,pull", ["a:pull"]],
  ])("%s", ([, permissions, asked, expected]) => expect(granted(permissions, asked)).toEqual(expected));

  it("ignores wildcards where there are none (2.5, ABAC)", () => {
    const asked = "registry:catalog:* repository:*:* repository:a:pull repository:b:pull";
    expect(granted(EVERYTHING, asked, { wildcards: false })).toEqual(["catalog:*", "a:pull", "b:pull"]);
  });

  it("is what Basic may do directly", () => {
    for (const [scope, expected] of [
      ["repository:samples/app:pull,push", true],
      ["repository:samples/web:pull,push", false],
      ["registry:catalog:*", false],
    ] as const) {
      expect(isPermitted(narrow, parseScope(scope)), scope).toBe(expected);
    }
    expect(isPermitted(EVERYTHING, parseScope("registry:catalog:*"))).toBe(true);
  });

  it("never exceeds what is permitted, for every pair of actions", () => {
    for (const action of ALL_ACTIONS) {
      const permissions: Permissions = [{ repositories: "a*", actions: [action] }];
      const all = ALL_ACTIONS.filter((one) => one !== "catalog").join(",");
      const scopes = permit(permissions, parseScopes(`repository:ab:${all} repository:ba:${all}`));
      expect(formatScopes(scopes)).toBe(action === "catalog" ? "" : `repository:ab:${action satisfies Action}`);
    }
  });

  it.for(["", "a*b", "**", "*/a"])("no pattern is %j", (pattern) => {
    expect(() => assertPattern(pattern)).toThrow(TypeError);
  });
});
