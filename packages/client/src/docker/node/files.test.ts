import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { DockerConfigError } from "../errors.ts";
import { credentialFiles, dockerConfigFile } from "./files.ts";

describe.skipIf(process.platform !== "linux")("the files that are asked", () => {
  const HOME = "/home/u";

  it("are podman's of the session, podman's of the user, docker's", () => {
    expect(credentialFiles({ HOME, XDG_RUNTIME_DIR: "/run/user/7" })).toEqual([
      "/run/user/7/containers/auth.json",
      "/home/u/.config/containers/auth.json",
      "/home/u/.docker/config.json",
    ]);
  });

  it("are in the session's folder of the system where the environment names none", () => {
    expect(credentialFiles({ HOME })[0]).toBe(`/run/containers/${process.getuid?.()}/auth.json`);
  });

  it("are where the environment has its settings", () => {
    expect(credentialFiles({ HOME, XDG_RUNTIME_DIR: "/r", XDG_CONFIG_HOME: "/settings" })[1]).toBe(
      "/settings/containers/auth.json",
    );
  });

  it("are those that the environment names, and then no others", () => {
    expect(credentialFiles({ HOME, XDG_RUNTIME_DIR: "/r", REGISTRY_AUTH_FILE: "/a.json" })).toEqual(["/a.json"]);
    expect(credentialFiles({ HOME, XDG_RUNTIME_DIR: "/r", DOCKER_CONFIG: "/d" })).toEqual(["/d/config.json"]);
    expect(credentialFiles({ HOME, REGISTRY_AUTH_FILE: "/a.json", DOCKER_CONFIG: "/d" })).toEqual([
      "/a.json",
      "/d/config.json",
    ]);
  });

  it("are not in whatever folder somebody works in", () => {
    const relative = { HOME, XDG_RUNTIME_DIR: "run", XDG_CONFIG_HOME: "./settings" };
    expect(credentialFiles(relative)).toEqual(credentialFiles({ HOME }));
  });

  it("are not in a home, for those who have none; docker's is then an error that says what to do", () => {
    const spy = vi.spyOn(os, "homedir").mockImplementation(() => {
      throw new Error("uv_os_homedir returned ENOENT");
    });
    syncBuiltinESMExports();
    onTestFinished(() => {
      spy.mockRestore();
      syncBuiltinESMExports();
    });
    expect(credentialFiles({ XDG_RUNTIME_DIR: "/r" })).toEqual(["/r/containers/auth.json"]);
    expect(credentialFiles({ XDG_RUNTIME_DIR: "/r", XDG_CONFIG_HOME: "/s" })).toHaveLength(2);
    expect(credentialFiles({ DOCKER_CONFIG: "/d" })).toEqual(["/d/config.json"]);
    expect(() => dockerConfigFile({})).toThrow(DockerConfigError);
    expect(() => dockerConfigFile({})).toThrow("Set DOCKER_CONFIG");
  });

  it("an empty variable names nothing", () => {
    expect(dockerConfigFile({ HOME, DOCKER_CONFIG: "" })).toBe("/home/u/.docker/config.json");
  });
});
