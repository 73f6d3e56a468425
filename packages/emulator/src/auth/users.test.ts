import { describe, expect, it } from "vitest";
import { EVERYTHING } from "./permissions.ts";
import { type RepositoryTokenOptions, Users } from "./users.ts";

describe("users", () => {
  let now = 1000;
  const users = (tokens: Record<string, RepositoryTokenOptions> = {}) => {
    const admin = { username: "admin", password: "one", password2: "two" };
    const created = new Users({ admin, makePassword: (purpose) => `generated ${purpose}`, now: () => now });
    for (const [name, options] of Object.entries(tokens)) created.setToken(name, options);
    return created;
  };
  const actions = (from: Users, name: string, password: string) => {
    const login = from.login(name, password);
    return login.kind === "user" ? login.permissions : login.kind;
  };

  it("the admin may do everything, with either password", () => {
    expect(actions(users(), "admin", "one")).toEqual(EVERYTHING);
    expect(actions(users(), "admin", "two")).toEqual(EVERYTHING);
    expect(actions(users(), "admin", "three")).toBe("wrong-password");
    expect(actions(users(), "nobody", "one")).toBe("unknown-user");
  });

  it("a token may do what its scope map says", () => {
    const ci = users({ ci: { scopeMap: { "samples/*": ["content/read", "content/write"], base: ["metadata/read"] } } });
    expect(ci.tokens().get("ci")).toEqual({
      username: "ci",
      password: "generated token:ci:1",
      password2: "generated token:ci:2",
    });
    expect(actions(ci, "ci", "generated token:ci:2")).toEqual([
      { repositories: "samples/*", actions: ["pull", "push"] },
      { repositories: "base", actions: ["metadata_read"] },
    ]);
  });

  it.for([
    ["_repositories_pull", ["pull"]],
    ["_repositories_pull_metadata_read", ["pull", "metadata_read"]],
    ["_repositories_push", ["pull", "push"]],
    ["_repositories_push_metadata_write", ["metadata_read", "metadata_write", "pull", "push"]],
    ["_repositories_admin", ["metadata_read", "metadata_write", "pull", "push", "delete", "catalog"]],
  ] as const)("the built-in map %s, the catalog with the last one only (Azure/acr#600, #675)", ([map, expected]) => {
    const found = actions(users({ t: { scopeMap: map, password: "p" } }), "t", "p");
    expect(typeof found === "string" ? found : found.flatMap((grant) => grant.actions)).toEqual(expected);
  });

  it("a token's map can change, and the token be disabled, replaced, expired and removed", () => {
    const from = users();
    from.setScopeMap("mine", { a: ["content/read"] });
    from.setToken("t", { scopeMap: "mine", password: "p", expiresOn: new Date(2000) });
    expect(actions(from, "t", "p")).toEqual([{ repositories: "a", actions: ["pull"] }]);
    from.setScopeMap("mine", { b: ["content/delete"] });
    expect(actions(from, "t", "p")).toEqual([{ repositories: "b", actions: ["delete"] }]);
    now = 2000;
    expect(actions(from, "t", "p")).toBe("wrong-password");
    from.setToken("t", { scopeMap: "mine", password: "new" });
    expect(actions(from, "t", "p")).toBe("wrong-password");
    expect(actions(from, "t", "new")).not.toBe("wrong-password");
    from.setToken("t", { scopeMap: "mine", password: "new", enabled: false });
    expect(actions(from, "t", "new")).toBe("wrong-password");
    from.removeToken("t");
    expect(actions(from, "t", "new")).toBe("unknown-user");
  });

  it("are refused when they cannot be", () => {
    const set = (name: string, options: unknown) => () => users().setToken(name, options as RepositoryTokenOptions);
    expect(set("a:b", { scopeMap: {} })).toThrow(/no name/);
    expect(set("", { scopeMap: {} })).toThrow(/no name/);
    expect(set("admin", { scopeMap: {} })).toThrow(/admin user/);
    expect(set("t", { scopeMap: "none" })).toThrow(/no scope map "none"/);
    expect(set("t", { scopeMap: { a: ["content/fly"] } })).toThrow(/no action/);
    expect(set("t", { scopeMap: { "a*b": ["content/read"] } })).toThrow(/no repositories/);
    expect(set("t", { scopeMap: {}, password: "" })).toThrow(/not empty/);
  });

  it("do not show their passwords when they are printed", async () => {
    const { inspect } = await import("node:util");
    expect(inspect(users({ t: { scopeMap: {}, password: "hush" } }), { depth: 9, showHidden: true })).not.toMatch(
      /hush|\bone\b/,
    );
  });
});
