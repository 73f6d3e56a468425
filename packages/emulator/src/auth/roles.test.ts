import { describe, expect, it } from "vitest";
import { EVERYTHING } from "./permissions.ts";
import { permissionsOf, ROLES, type RoleName } from "./roles.ts";

const actions = (role: RoleName, mode: "rbac" | "rbac-abac" = ROLES[role].mode) =>
  permissionsOf({ roles: [role] }, mode).flatMap((grant) => grant.actions);

describe("roles", () => {
  it("allow what their names say", () => {
    expect(actions("AcrPull")).toEqual(["catalog", "pull", "metadata_read"]);
    expect(actions("AcrPush")).toEqual(["catalog", "pull", "metadata_read", "push", "metadata_write"]);
    expect(actions("AcrDelete")).toEqual(["delete"]);
    expect(actions("Reader")).not.toContain("push");
    expect(actions("Owner")).toEqual(actions("Contributor"));
    expect(actions("Owner")).not.toContain("quarantine_write");
    expect(actions("AcrQuarantineWriter")).toContain("quarantine_write");
    expect(actions("Container Registry Repository Reader")).toEqual(["pull", "metadata_read"]);
    expect(actions("Container Registry Repository Catalog Lister")).toEqual(["catalog"]);
  });

  it("count in one mode each: with ABAC even an owner may not pull", () => {
    for (const role of Object.keys(ROLES) as RoleName[]) {
      expect(actions(role).length).toBeGreaterThan(0);
      expect(actions(role, ROLES[role].mode === "rbac" ? "rbac-abac" : "rbac"), role).toEqual([]);
    }
  });

  it("add up, with conditions, and with actions of one's own", () => {
    const role = "Container Registry Repository Writer";
    expect(
      permissionsOf(
        {
          roles: [{ role, repositories: ["team/*", "base"] }],
          actions: ["catalog"],
          repositories: { other: ["pull"] },
        },
        "rbac-abac",
      ),
    ).toEqual([
      { repositories: "team/*", actions: ROLES[role].actions },
      { repositories: "base", actions: ROLES[role].actions },
      { repositories: "*", actions: ["catalog"] },
      { repositories: "other", actions: ["pull"] },
    ]);
  });

  it("are everything when nothing is said, and nothing when nothing is listed", () => {
    expect(permissionsOf({}, "rbac")).toEqual(EVERYTHING);
    expect(permissionsOf({ actions: [] }, "rbac")).toEqual([]);
    expect(permissionsOf({ roles: [] }, "rbac")).toEqual([]);
  });

  it("are refused by name when they cannot be", () => {
    const assign = (roles: unknown) => () => permissionsOf({ roles } as never, "rbac-abac");
    expect(assign(["AcrPul"])).toThrow(/no role "AcrPul"/);
    expect(assign(["constructor"])).toThrow(/no role/);
    expect(assign([{ role: "AcrPull", repositories: ["a"] }])).toThrow(/whole registry/);
    expect(assign([{ role: "Container Registry Repository Catalog Lister", repositories: ["a"] }])).toThrow(
      /whole registry/,
    );
    expect(assign([{ role: "Container Registry Repository Reader", repositories: ["a*b"] }])).toThrow(
      /no repositories/,
    );
  });
});
